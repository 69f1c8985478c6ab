/**
 * Keeps the records of ingestion bounded. In: how long each kind is kept. Out: what went. What is kept
 * how long, and why, stands in docs/retention.md. Candles, payments and gaps are never touched.
 */
import { epochMs, type EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import { abandonDeadRuns } from '../load/abandon-runs.ts';
import { dropRawMonths } from './drop-raw-months.ts';
import { pruneQuarantine } from './prune-quarantine.ts';
import { pruneRuns } from './prune-runs.ts';

export interface Retention {
  /** Records of runs, days; null keeps them. */
  readonly runsDays: number | null;
  /** Raw payloads, days; null keeps them. */
  readonly rawDays: number | null;
  /** Settled rows of quarantine, days; null keeps them. */
  readonly quarantineDays: number | null;
}

export interface HouseReport {
  /** Running runs of dead processes that were closed. */
  readonly abandoned: number;
  readonly rawMonths: readonly string[];
  readonly quarantine: number;
  readonly runs: number;
}

/**
 * A text that is fetched again points at the payload that was kept up to 30 days before it, so a payload
 * must outlive the candles that may still come to lean on it.
 */
export const RAW_DAYS_MIN = 35;

const DAY_MS = 86_400_000;
/** Clocks of the loader and of Postgres may differ by this. */
const SKEW_MS_MAX = DAY_MS;

/** @throws Error of Postgres; what went until then is gone, and the next call goes on. */
export async function keepHouse(
  pool: Pool,
  retention: Retention,
  { now, signal }: { readonly now: EpochMs; readonly signal: AbortSignal },
): Promise<HouseReport> {
  const ago = (days: number): EpochMs => epochMs(Math.max(0, now - days * DAY_MS));
  const { runsDays, rawDays, quarantineDays } = retention;
  const abandoned = await abandonDeadRuns(pool);
  const raw = rawDays === null ? null : await dropRawMonths(pool, ago(rawDays));
  const quarantine = quarantineDays === null ? 0 : await pruneQuarantine(pool, ago(quarantineDays));
  const keptFrom = raw?.keptFrom ?? null;
  const writtenBefore = keptFrom === null ? null : epochMs(Math.max(0, keptFrom - SKEW_MS_MAX));
  const runs =
    runsDays === null ? 0 : await pruneRuns(pool, { before: ago(runsDays), writtenBefore, signal });
  return { abandoned, rawMonths: raw?.dropped ?? [], quarantine, runs };
}
