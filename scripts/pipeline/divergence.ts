/**
 * Whether the stores hold different candles although nothing is on its way between them. In: clients.
 * Out: how many each holds and where they differ, or null. It compares what was seen a while ago, waits
 * until the WAL is captured and looks again, so a pipeline at work does not differ. Read-only. Candles that agree are counted, not hashed; gaps and
 * funding payments, of which there are few, are hashed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { REPLICATION_SLOT } from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import { readCounts, type CountedClients } from './counts.ts';
import type { Mismatch } from '../../proof/buckets.ts';
import { reconcileCandles } from './reconcile.ts';
import { reconcileLedger } from '../../proof/reconcile-ledger.ts';

export interface Divergence {
  /** Closed candles. */
  readonly postgres: number;
  readonly clickhouse: number;
  /** The first buckets of candles that differ, each with what differs; none where only the ledger does. */
  readonly buckets: readonly string[];
  /** The same of gaps and funding payments. */
  readonly ledger: readonly string[];
}

/** Candles seen later than this ago may be on their way. */
const SETTLED_SECONDS = 30;
/** Time between the looks, ms: longer than a revision takes from store to store. */
const BETWEEN_MS = 2_000;
const BUCKETS_SHOWN = 3;
/** A slot confirms now and then, an idle one with its heartbeat; one that takes longer is behind. */
const CAPTURE_WAIT_MS = 20_000;
const CAPTURE_POLL_MS = 250;

export async function findDivergence(
  clients: CountedClients,
  betweenMs = BETWEEN_MS,
): Promise<Divergence | null> {
  const { rows } = await clients.pool.query<{ until: string }>(
    `select floor(extract(epoch from now() - make_interval(secs => $1)) * 1000)::bigint as until`,
    [SETTLED_SECONDS],
  );
  const until = rows[0]?.until ?? '0';
  if ((await look(clients, until)) === null) return null;
  if (!(await isCaptured(clients))) return null;
  await delay(betweenMs);
  const found = await look(clients, until);
  if (found === null) return null;
  const { postgres, clickhouse, ledger } = found;
  const candles = postgres === clickhouse ? [] : (await reconcileCandles(clients)).mismatches;
  return { postgres, clickhouse, buckets: describe(candles), ledger: describe(ledger) };
}

function describe(mismatches: readonly Mismatch[]): string[] {
  const more = mismatches.length - BUCKETS_SHOWN;
  const shown = mismatches.slice(0, BUCKETS_SHOWN).map(({ bucket, what }) => `${bucket}: ${what}`);
  return more > 0 ? [...shown, `and ${more} more`] : shown;
}

interface Look extends Pick<Divergence, 'postgres' | 'clickhouse'> {
  readonly ledger: readonly Mismatch[];
}

/** Null when the stores agree, or something that explains the difference is going on. */
async function look(clients: CountedClients, until: string): Promise<Look | null> {
  const { pool, clickhouse } = clients;
  const [postgres, theirs, ledger] = await Promise.all([
    pool.query<{ n: string }>(
      `select count(*) as n from market.candles
       where is_closed and observed_at < to_timestamp($1::bigint / 1000.0)`,
      [until],
    ),
    readRows<{ n: string }>(
      clickhouse,
      `select count() as n from candles final
       where observed_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')`,
      { until },
    ),
    reconcileLedger(clients, until),
  ]);
  const counts = { postgres: Number(postgres.rows[0]?.n), clickhouse: Number(theirs[0]?.n) };
  if (counts.postgres === counts.clickhouse && ledger.length === 0) return null;
  const { lag } = await readCounts(clients);
  return lag === 0 ? { ...counts, ledger } : null;
}

/** False when the slot does not reach the end that the WAL has now; true too when nobody reads it. */
async function isCaptured({ pool }: CountedClients): Promise<boolean> {
  const end = await pool.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  for (let waited = 0; waited <= CAPTURE_WAIT_MS; waited += CAPTURE_POLL_MS) {
    const { rows } = await pool.query<{ behind: boolean }>(
      `select active and confirmed_flush_lsn < $2::pg_lsn as behind
       from pg_replication_slots where slot_name = $1::name`,
      [REPLICATION_SLOT, end.rows[0]?.lsn],
    );
    if (rows[0]?.behind !== true) return true;
    await delay(CAPTURE_POLL_MS);
  }
  return false;
}
