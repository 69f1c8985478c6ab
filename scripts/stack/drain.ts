/**
 * Waits until everything recorded has gone through the pipeline: collected, captured, analysed, and
 * equal on both sides. In: a running stack. Out: what was seen and when. It gives up when nothing has
 * moved for a while, and then says what is missing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '#core/errors.ts';
import type { ReplayStatus } from '../../local/venues/replay-status.ts';
import { readRows } from '#platform/clickhouse.ts';
import { recordedKey } from './recordings.ts';
import { readCounts, type PipelineCounts } from '../pipeline/counts.ts';
import type { PipelineClients } from '../pipeline/pipeline-clients.ts';
import { OF_RULE_SET } from '../../proof/produced-by.ts';
import { reconcile, type ReconcileReport } from '../pipeline/reconcile.ts';

export interface DrainOptions {
  readonly clients: PipelineClients;
  readonly replay: ReplayStatus;
  /** Called with each look. */
  readonly onCounts: (counts: PipelineCounts) => void;
  /** Told once why a look failed; looking goes on. */
  readonly onTrouble: (reason: string) => void;
  readonly signal: AbortSignal;
}

export interface DrainReport {
  readonly counts: PipelineCounts;
  readonly reconciled: ReconcileReport;
  /** `performance.now()` when the first evaluated signal was seen; null when there is none. */
  readonly firstSignalAt: number | null;
  readonly drainedAt: number;
  /** Series that were never collected to their end. */
  readonly uncollected: readonly string[];
}

const POLL_MS = 250;
const STALL_MS = 90_000;

/** One look at the pipeline; a store that is being started again makes it fail. */
interface Look {
  readonly counts: PipelineCounts;
  readonly uncollected: readonly string[];
  readonly signalSeen: boolean;
}

/** @throws what a store said last, when none of it answered for as long as a stall takes. */
export async function drain(options: DrainOptions): Promise<DrainReport> {
  const { clients, signal } = options;
  let firstSignalAt: number | null = null;
  let seen = '';
  let movedAt = performance.now();
  let trouble = '';
  const isStalled = (): boolean => performance.now() - movedAt > STALL_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      const look = await takeLook(options, firstSignalAt !== null);
      if (look.signalSeen) firstSignalAt ??= performance.now();
      const { counts, uncollected } = look;
      trouble = '';
      options.onCounts(counts);
      const now = textOf(counts);
      if (now !== seen) movedAt = performance.now();
      seen = now;
      if ((uncollected.length === 0 && isLevel(counts)) || isStalled()) {
        const reconciled = await reconcile(clients);
        const missing = [...uncollected, ...(await readIncomplete(clients, options.replay))];
        const level = reconciled.mismatches.length === 0 && missing.length === 0;
        // The stores were counted one after another, and one may have been away in between: what is
        // told must be there still.
        const settled = level && textOf(await readCounts(clients)) === now;
        if (settled || isStalled()) {
          const drainedAt = performance.now();
          if (await hasSignal(clients)) firstSignalAt ??= drainedAt;
          return { counts, reconciled, firstSignalAt, drainedAt, uncollected: missing };
        }
      }
    } catch (error) {
      if (isStalled()) throw error;
      const text = errorText(error);
      if (text !== trouble && !signal.aborted) options.onTrouble(text);
      trouble = text;
    }
    await delay(POLL_MS);
  }
}

/** Equal for looks between which nothing has moved. */
function textOf(counts: PipelineCounts): string {
  return JSON.stringify({ ...counts, slot: null });
}

async function takeLook({ clients, replay }: DrainOptions, signalSeen: boolean): Promise<Look> {
  return {
    signalSeen: signalSeen || (await hasSignal(clients)),
    counts: await readCounts(clients),
    uncollected: await readUncollected(clients, replay),
  };
}

function isLevel(counts: PipelineCounts): boolean {
  const { postgresCandles, candles, features, signals, lag } = counts;
  return (
    lag === 0 &&
    candles === postgresCandles &&
    features === postgresCandles &&
    signals === postgresCandles
  );
}

async function hasSignal({ clickhouse, producer }: PipelineClients): Promise<boolean> {
  const rows = await readRows<{ n: string }>(
    clickhouse,
    `select count() as n
     from (select 1 from signals where status = 'active' and ${OF_RULE_SET} limit 1)`,
    { ...producer },
  );
  return rows[0]?.n !== '0';
}

/** Series without a finished run that reached the venue's now. */
async function readUncollected({ pool }: PipelineClients, replay: ReplayStatus): Promise<string[]> {
  const result = await pool.query<{ series: string }>(
    `select distinct exchange || '|' || market_type || '|' || symbol || '|' || interval as series
     from market.ingest_runs
     where state = 'done' and range_to >= $1::timestamptz`,
    [new Date(replay.now).toISOString()],
  );
  const done = new Set(result.rows.map(({ series }) => series));
  return replay.series.map(recordedKey).filter((series) => !done.has(series));
}

/** Series of which fewer candles were stored or refused than the recording holds. */
async function readIncomplete({ pool }: PipelineClients, replay: ReplayStatus): Promise<string[]> {
  const incomplete: string[] = [];
  for (const recorded of replay.series) {
    const { exchange, marketType, symbol, interval, candles } = recorded;
    const range = [recorded.from, recorded.to].map((time) => new Date(time).toISOString());
    const result = await pool.query<{ n: string }>(
      `select (select count(*) from market.candles
               where exchange = $1::text and market_type = $2::text and symbol = $3::text
                 and interval = $4::text and open_time >= $5::timestamptz
                 and open_time < $6::timestamptz and is_closed)
            + (select count(*) from market.quarantine
               where exchange = $1::text and market_type = $2::text and symbol = $3::text
                 and interval = $4::text) as n`,
      [exchange, marketType, symbol, interval, ...range],
    );
    const stored = Number(result.rows[0]?.n ?? 0);
    if (stored < candles) {
      incomplete.push(`${recordedKey(recorded)} (${stored} of ${candles} recorded candles)`);
    }
  }
  return incomplete;
}
