/**
 * Whether the features and signals that ClickHouse shows are what the candles come to, to the last bit. In:
 * clients, what it is about, bounds. Out: the rows that are not. On a running pipeline it looks at a
 * barrier, as a proof does: rows that were written again meanwhile are looked at again, and are unsettled
 * if they will not hold still. As of an LSN it reads the ledger, and rows that came later are told beside
 * what was known then. Every series is folded from its anchor: no stored state is trusted. Writes nothing.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { lsnText } from '#core/lsn.ts';
import { formatInstant, epochMs, type EpochMs } from '#core/time.ts';
import type { Holes } from '../analyzer/holes.ts';
import type { CompiledRuleSet } from '../analyzer/signals/rule-set.ts';
import { NO_ANCHOR } from '../analyzer/series-state.ts';
import type { ProofClients } from './proof-clients.ts';
import { ARRIVAL_BOUNDS, waitForArrival, type ArrivalBounds } from './arrival.ts';
import { takeBarrier } from './barrier.ts';
import { knownToLedger, knownToPostgres, type KnownCandles } from './known-candles.ts';
import { replaySeries, type ReplayedRow } from './replay-series.ts';
import type { Scope } from './scope.ts';

export interface ReplayOptions {
  readonly clients: ProofClients;
  readonly rules: CompiledRuleSet;
  readonly scope: Scope;
  /** As of this place; null for now. */
  readonly atLsn: bigint | null;
  /** Rows that are told one by one, at most. */
  readonly rowsMax: number;
  readonly say: (line: string) => void;
  readonly arrival?: ArrivalBounds;
}

/** Where folding began. */
export interface FoldBegin {
  readonly series: string;
  /** Whether somebody set an anchor; else the first candle that is known. */
  readonly at: 'anchor' | 'first candle';
  /** Null where no candle counts. */
  readonly openTime: EpochMs | null;
  readonly folded: number;
}

export interface Replay {
  readonly verdict: 'equal' | 'different' | 'unsettled';
  /** Of the last look, as Postgres writes it. */
  readonly lsn: string;
  readonly asOf: boolean;
  readonly begins: readonly FoldBegin[];
  /** Candles that were folded, and those whose rows were compared. */
  readonly folded: number;
  readonly compared: number;
  /** Rows that differ, are missing or should not be. */
  readonly different: number;
  /** The first of them. */
  readonly rows: readonly ReplayedRow[];
  readonly isCut: boolean;
  /** As of an LSN: rows that were written again since, and the first of those that now say something else. */
  readonly later: number;
  readonly laterRows: readonly ReplayedRow[];
  /** Series with rows that moved on at each look, and how many. */
  readonly unsettled: readonly { readonly series: string; readonly rows: number }[];
  /** Series that cannot be folded, and why. */
  readonly skipped: readonly { readonly series: string; readonly why: string }[];
  readonly looks: number;
}

/** Looks at what moved, each at a barrier of its own. */
const LOOKS_MAX = 3;
/** Candles between two words about progress. */
const PROGRESS_CANDLES = 100_000;

/** Series, and the range of rows in question. */
interface Part {
  readonly series: Series;
  readonly from: number;
  readonly to: number;
}

interface Moved {
  from: number;
  to: number;
  rows: number;
}

/** What is known after a look. */
interface Ledger {
  readonly rows: Map<string, ReplayedRow>;
  /** Rows beyond those that are kept. */
  more: number;
  readonly laterRows: ReplayedRow[];
  later: number;
  readonly begins: Map<string, FoldBegin>;
  readonly skipped: Map<string, string>;
  moved: Map<string, Moved & { readonly series: Series }>;
  compared: number;
}

/** A moment, and what was known then. */
interface Sight {
  readonly lsn: bigint;
  readonly candles: KnownCandles;
  readonly close: () => Promise<void>;
}

/** @throws AppError WICK_PROOF_STALLED, WICK_BUSY, or WICK_USAGE for an LSN that lies ahead. */
export async function replay(options: ReplayOptions): Promise<Replay> {
  const { scope, say, atLsn, rowsMax } = options;
  const ledger: Ledger = {
    rows: new Map(),
    more: 0,
    laterRows: [],
    later: 0,
    begins: new Map(),
    skipped: new Map(),
    moved: new Map(),
    compared: 0,
  };
  const range = { from: scope.from ?? -Infinity, to: scope.to ?? Infinity };
  let lsn = await look(options, ledger, async (candles) => {
    const known = await candles.series(scope);
    const keys = new Set(known.map(seriesKey));
    for (const key of scope.series.map(seriesKey)) {
      if (!keys.has(key)) ledger.skipped.set(key, 'no closed candle of it was known');
    }
    return known.map((series) => ({ series, ...range }));
  });
  let looks = 1;
  for (; ledger.moved.size > 0 && looks < LOOKS_MAX; looks += 1) {
    const left = [...ledger.moved.values()];
    say(`rows of ${left.length} series were written while they were compared; looking again`);
    ledger.moved = new Map();
    lsn = await look(options, ledger, async () => left);
  }
  const different = ledger.rows.size + ledger.more;
  const isSettled = ledger.moved.size === 0 && ledger.skipped.size === 0;
  const orUnsettled = isSettled ? 'equal' : 'unsettled';
  return {
    verdict: different > 0 ? 'different' : orUnsettled,
    lsn: lsnText(lsn),
    asOf: atLsn !== null,
    begins: [...ledger.begins.values()],
    folded: [...ledger.begins.values()].reduce((sum, { folded }) => sum + folded, 0),
    compared: ledger.compared,
    different,
    rows: [...ledger.rows.values()].slice(0, rowsMax),
    isCut: different > rowsMax,
    later: ledger.later,
    laterRows: ledger.laterRows,
    unsettled: [...ledger.moved].flatMap(([series, { rows }]) =>
      ledger.skipped.has(series) ? [] : [{ series, rows }],
    ),
    skipped: [...ledger.skipped].map(([series, why]) => ({ series, why })),
    looks,
  };
}

async function look(
  options: ReplayOptions,
  ledger: Ledger,
  partsOf: (candles: KnownCandles) => Promise<readonly Part[]>,
): Promise<bigint> {
  const sight = await openSight(options);
  try {
    for (const part of await partsOf(sight.candles)) {
      await replayPart(options, ledger, sight, part);
    }
    return sight.lsn;
  } finally {
    await sight.close();
  }
}

async function openSight({ clients, atLsn, say, arrival }: ReplayOptions): Promise<Sight> {
  const bounds = arrival ?? ARRIVAL_BOUNDS;
  if (atLsn !== null) {
    await assertPast(clients, atLsn);
    await waitForArrival(clients, atLsn, say, bounds);
    const candles = knownToLedger(clients.clickhouse, atLsn);
    return { lsn: atLsn, candles, close: async () => undefined };
  }
  const barrier = await takeBarrier(clients.pool);
  try {
    say(`barrier at ${lsnText(barrier.lsn)}`);
    await waitForArrival(clients, barrier.lsn, say, bounds);
  } catch (error) {
    await barrier.close();
    throw error;
  }
  const { client, lsn } = barrier;
  return { lsn, candles: knownToPostgres(client), close: () => barrier.close() };
}

async function assertPast({ pool }: ProofClients, lsn: bigint): Promise<void> {
  const { rows } = await pool.query<{ at: string }>(
    `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as at`,
  );
  const now = BigInt(rows[0]?.at ?? '0');
  if (lsn <= now) return;
  throw new AppError(
    'WICK_USAGE',
    `--at-lsn "${lsnText(lsn)}" lies ahead: the WAL of this Postgres ends at ${lsnText(now)}`,
  );
}

async function replayPart(
  options: ReplayOptions,
  ledger: Ledger,
  { lsn, candles }: Sight,
  { series, from, to }: Part,
): Promise<void> {
  const { clients, rules, atLsn, rowsMax, say } = options;
  const key = seriesKey(series);
  const anchor = await candles.anchor(series);
  const holes = await candles.holes(series);
  if (atLsn === null) {
    const before = knownToLedger(clients.clickhouse, lsn);
    const why = await whyNotFoldable(candles, before, series, { anchor, holes });
    ledger.skipped.delete(key);
    if (why !== null) {
      ledger.skipped.set(key, why);
      // An anchor that was on its way has arrived by the next look.
      ledger.moved.set(key, { series, from, to, rows: 0 });
      return;
    }
  }
  let told = 0;
  const result = await replaySeries({
    candles,
    clickhouse: clients.clickhouse,
    rules,
    producer: clients.producer,
    series,
    anchor,
    holes,
    from,
    to,
    lsn,
    extraMax: rowsMax + 1,
    found: (row) =>
      (atLsn !== null && row.kind === 'moved' ? noteLater : note)(row, ledger, rowsMax),
    progress: (folded) => {
      if (folded - told < PROGRESS_CANDLES) return;
      told = folded;
      say(`${key}: ${folded} candles folded`);
    },
  });
  if (!ledger.begins.has(key)) ledger.compared += result.compared;
  const at = anchor === NO_ANCHOR ? 'first candle' : 'anchor';
  ledger.begins.set(key, { series: key, at, openTime: result.begin, folded: result.folded });
}

/** Only what began where the analyzer began is the same. */
async function whyNotFoldable(
  candles: KnownCandles,
  ledger: KnownCandles,
  series: Series,
  { anchor, holes }: { readonly anchor: number; readonly holes: Holes },
): Promise<string | null> {
  const [theirs, theirHoles, ours, theirFirst] = await Promise.all([
    ledger.anchor(series),
    ledger.holes(series),
    candles.first(series, anchor),
    ledger.first(series, anchor),
  ]);
  if (theirs !== anchor) {
    return `its anchor is ${instant(anchor)} in Postgres and ${instant(theirs)} in ClickHouse`;
  }
  if (JSON.stringify(theirHoles) !== JSON.stringify(holes)) {
    return `${holes.length} holes are known in Postgres and ${theirHoles.length} in ClickHouse, or others`;
  }
  if (ours === null || theirFirst === null || theirFirst >= ours) return null;
  for await (const [candle] of ledger.pages(series, theirFirst, ours)) {
    return (
      `ClickHouse counts candles from ${instant(candle!.openTime)} on, Postgres holds them from ` +
      `${instant(ours)} on; --at-lsn replays them from the ledger`
    );
  }
  return null;
}

function instant(time: number): string {
  return time === NO_ANCHOR ? 'not set' : formatInstant(epochMs(time));
}

function note(row: ReplayedRow, ledger: Ledger, rowsMax: number): void {
  const key = seriesKey(row.series);
  if (row.kind === 'moved') {
    const { openTime, series } = row;
    const moved = ledger.moved.get(key) ?? { series, from: openTime, to: openTime + 1, rows: 0 };
    moved.from = Math.min(moved.from, openTime);
    moved.to = Math.max(moved.to, openTime + 1);
    moved.rows += 1;
    ledger.moved.set(key, moved);
    return;
  }
  const place = `${key} ${row.openTime} ${row.table}`;
  // A second look may pass over what was found at the first.
  if (ledger.rows.has(place) || ledger.rows.size <= rowsMax) ledger.rows.set(place, row);
  else ledger.more += 1;
}

function noteLater(row: ReplayedRow, ledger: Ledger, rowsMax: number): void {
  ledger.later += 1;
  if (row.columns.length > 0 && ledger.laterRows.length < rowsMax) ledger.laterRows.push(row);
}
