/**
 * Proves on a running pipeline that ClickHouse holds what Postgres held at one moment. In: clients, what
 * it is about, bounds. Out: what was compared, and each candle that is wrong; days that would not hold
 * still are unsettled, never equal. Writes nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { seriesKey } from '#core/candle.ts';
import { lsnText } from '#core/lsn.ts';
import { formatInstant } from '#core/time.ts';
import type { Mismatch } from './buckets.ts';
import type { ProofClients } from './proof-clients.ts';
import { reconcileLedger } from './reconcile-ledger.ts';
import { ARRIVAL_BOUNDS, waitForArrival, type ArrivalBounds } from './arrival.ts';
import { takeBarrier, type Barrier } from './barrier.ts';
import { readCoverage } from './coverage.ts';
import { damageKey, type Damage } from './damage.ts';
import { parseDay } from './day.ts';
import { compareDays, readPostgresDays, type DaySums, type PostgresDays } from './day-sums.ts';
import { findDifferingRows } from './differing-rows.ts';
import { scopeOf, type Scope } from './scope.ts';

export interface ProofOptions {
  readonly clients: ProofClients;
  readonly scope: Scope;
  /** Candles that are told one by one, at most. */
  readonly rowsMax: number;
  readonly say: (line: string) => void;
  readonly arrival?: ArrivalBounds;
}

export interface Proof {
  readonly verdict: 'equal' | 'different' | 'unsettled';
  /** Of the last barrier, as Postgres writes it. */
  readonly lsn: string;
  readonly series: number;
  /** Series and UTC days. */
  readonly days: number;
  readonly candles: number;
  /** Days, gaps and funding payments that differ. */
  readonly differing: readonly Mismatch[];
  readonly rows: readonly Damage[];
  /** There are more such rows than were asked for. */
  readonly isCut: boolean;
  readonly unsettled: readonly string[];
  /** Candles of ClickHouse from before the first one that Postgres holds, by series: not compared. */
  readonly older: Readonly<Record<string, number>>;
  readonly barriers: number;
}

/** Looks at what moved, each at a barrier of its own. */
const BARRIERS_MAX = 3;
/** Rows of gaps and funding payments that were touched within this time may be on their way, ms. */
const LEDGER_SETTLED_MS = 30_000;
const LEDGER_LOOKS_MAX = 3;
const LEDGER_REST_MS = 2_000;

/** A candle that moved on while its rows were read. */
type Place = Pick<Damage, 'series' | 'openTime'>;

/** Candles whose rows are judged one by one at a barrier, however few are told. */
const JUDGED_MAX = 10_000;

/** One comparison at one barrier. */
interface Look {
  readonly lsn: bigint;
  readonly takenAtMs: number;
  readonly sums: DaySums;
  readonly differing: readonly Mismatch[];
  readonly rows: readonly Damage[];
  readonly isCut: boolean;
  readonly moving: readonly Place[];
  /** More candles moved on than were looked at. */
  readonly isMovingCut: boolean;
}

/** @throws AppError WICK_PROOF_STALLED or WICK_BUSY where nothing can be compared. */
export async function prove(options: ProofOptions): Promise<Proof> {
  const { scope, say } = options;
  const first = await look(options, scope);
  let { lsn, moving, isMovingCut } = first;
  const { rows, differing } = { rows: [...first.rows], differing: [...first.differing] };
  let barriers = 1;
  for (; moving.length > 0 && barriers < BARRIERS_MAX; barriers += 1) {
    say(`${moving.length} candles moved on while they were compared; looking again`);
    const again = await look(options, scopeOf(moving.map((place) => parseDay(dayOf(place)))));
    ({ lsn } = again);
    isMovingCut ||= again.isMovingCut;
    // What did fit at one barrier is proven, whatever became of it since.
    const left = new Set(moving.map(damageKey));
    moving = again.moving.filter((place) => left.has(damageKey(place)));
    const found = again.rows.filter((row) => left.has(damageKey(row)));
    rows.push(...found);
    const days = new Set(found.map(dayOf));
    differing.push(...again.differing.filter(({ bucket }) => days.has(bucket)));
  }
  differing.push(...(await compareLedger(options, first.takenAtMs)));
  const known = new Map(rows.map((row) => [damageKey(row), row]));
  const isDifferent = differing.length > 0 || known.size > 0;
  const orUnsettled = moving.length > 0 || isMovingCut ? 'unsettled' : 'equal';
  return {
    verdict: isDifferent ? 'different' : orUnsettled,
    lsn: lsnText(lsn),
    series: first.sums.series,
    days: first.sums.days,
    candles: first.sums.candles,
    differing: onePerBucket(differing),
    rows: [...known.values()].slice(0, options.rowsMax),
    isCut: first.isCut || known.size > options.rowsMax,
    unsettled: [...new Set(moving.map(dayOf))],
    older: Object.fromEntries(first.sums.older),
    barriers,
  };
}

async function look(options: ProofOptions, scope: Scope): Promise<Look> {
  const { clients, say } = options;
  const barrier = await takeBarrier(clients.pool);
  try {
    say(`barrier at ${lsnText(barrier.lsn)}`);
    // Postgres is read while the changes travel.
    const [postgres] = await Promise.all([
      readPostgresDays(barrier.client, scope),
      waitForArrival(clients, barrier.lsn, say, options.arrival ?? ARRIVAL_BOUNDS),
    ]);
    say('comparing');
    return await compareAt(barrier, postgres, scope, options);
  } finally {
    await barrier.close();
  }
}

async function compareAt(
  { client, lsn, takenAtMs }: Barrier,
  postgres: PostgresDays,
  scope: Scope,
  { clients, rowsMax }: ProofOptions,
): Promise<Look> {
  const { clickhouse, producer } = clients;
  const [sums, coverage] = await Promise.all([
    compareDays(clickhouse, postgres, scope, lsn),
    readCoverage(clickhouse, producer, scope, lsn, Math.max(rowsMax, JUDGED_MAX)),
  ]);
  const found = await findDifferingRows(
    sums.mismatches.map(({ bucket }) => parseDay(bucket)),
    {
      client,
      clickhouse,
      lsn,
      firsts: postgres.firsts,
      bounds: { from: scope.from ?? -Infinity, to: scope.to ?? Infinity },
      limit: rowsMax,
    },
  );
  const days = new Set(found.rows.map(dayOf));
  // The day of the first candle that Postgres has may differ in what is older, and in nothing else.
  const differing = sums.mismatches.filter(
    ({ bucket }) => found.isCut || days.has(bucket) || !isFirstDay(bucket, postgres.firsts),
  );
  const keys = new Set(found.rows.map(damageKey));
  const derived = coverage.rows.filter((row) => !keys.has(damageKey(row)));
  return {
    lsn,
    takenAtMs,
    sums,
    differing: [...differing, ...derivedDays(derived)],
    rows: [...found.rows, ...derived],
    isCut: found.isCut || coverage.isCut,
    moving: coverage.moving,
    isMovingCut: coverage.isCut,
  };
}

function isFirstDay(bucket: string, firsts: PostgresDays['firsts']): boolean {
  const { series, from, to } = parseDay(bucket);
  const first = firsts.get(seriesKey(series));
  return first !== undefined && first >= from && first < to;
}

function derivedDays(rows: readonly Damage[]): Mismatch[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(dayOf(row), (counts.get(dayOf(row)) ?? 0) + 1);
  return [...counts].map(([bucket, n]) => ({
    bucket,
    what: `${n} candles whose rows in ClickHouse do not follow from its ledger`,
  }));
}

/** One line for a bucket that differs in two ways. */
function onePerBucket(mismatches: readonly Mismatch[]): Mismatch[] {
  const whats = new Map<string, string>();
  for (const { bucket, what } of mismatches) {
    const known = whats.get(bucket);
    whats.set(bucket, known === undefined ? what : `${known}; ${what}`);
  }
  return [...whats].map(([bucket, what]) => ({ bucket, what }));
}

function dayOf({ series, openTime }: Place): string {
  return `${seriesKey(series)} ${formatInstant(openTime).slice(0, 10)}`;
}

/** Gaps and funding payments have no past in ClickHouse: those that were let alone for a while are compared. */
async function compareLedger(
  { clients, scope }: ProofOptions,
  takenAtMs: number,
): Promise<readonly Mismatch[]> {
  if (scope.from !== null || scope.to !== null) return [];
  const until = String(takenAtMs - LEDGER_SETTLED_MS);
  const keys = scope.series.map(seriesKey);
  for (let looks = 1; ; looks += 1) {
    const found = (await reconcileLedger(clients, until)).filter(
      ({ bucket }) => keys.length === 0 || keys.some((key) => bucket.split(' ')[1] === key),
    );
    if (found.length === 0 || looks === LEDGER_LOOKS_MAX) return found;
    await delay(LEDGER_REST_MS);
  }
}
