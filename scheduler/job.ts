/**
 * A job as the scheduler runs it: declared in a file, checked, its names resolved. What kinds there
 * are stands in job-kinds.ts, when it is due in timing.ts, what it did in Postgres.
 */
import type { Series } from '#core/candle.ts';
import type { Interval } from '#core/interval.ts';
import type { Clock } from '#core/time.ts';
import type { Config } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import type { VenueId } from '../etl/index.ts';
import type { Timing } from './timing.ts';
import type { Venues } from './venues.ts';
import type { Watermarks } from './watermarks.ts';

export interface Job {
  readonly name: string;
  readonly kind: string;
  /** Null for one that follows others. */
  readonly timing: Timing | null;
  /** Whether each start of a scheduler makes it due. */
  readonly atStart: boolean;
  /** Runs once each of these has succeeded since its own last round began. */
  readonly after: readonly string[];
  /** Further attempts in a round. */
  readonly retries: number;
  /** Pause before the first of them, ms; it doubles. */
  readonly retryMs: number;
  /** An attempt that takes longer is ended, ms. */
  readonly timeoutMs: number;
  /** Named one by one, or in a variable. */
  readonly series: readonly Series[];
  /** Whether all series that Postgres holds are meant too. */
  readonly stored: boolean;
  readonly select: Selector | null;
  readonly exchanges: readonly VenueId[];
  /** Whether all venues that are collected, streamed or stored are meant too. */
  readonly usedVenues: boolean;
  /** How far back it reaches, days; null where it does not say. */
  readonly historyDays: number | null;
}

/** Series by what the catalogue says, so that new listings are met without a new declaration. */
export interface Selector {
  readonly exchange: VenueId;
  /** Canonical symbols; absent for all that trade. */
  readonly symbols?: readonly string[] | undefined;
  /** Only instruments that are quoted in this. */
  readonly quote?: string | undefined;
  readonly intervals: readonly Interval[];
  /** Symbols at most, in their order. */
  readonly symbolsMax: number;
}

/** What one attempt did. */
export interface JobOutcome {
  /** Rows stored or changed. */
  readonly wrote: number;
  /** Parts that failed, in words; an attempt with any has failed. */
  readonly failures: readonly string[];
  /** What its kind counts; becomes JSON. */
  readonly report: Readonly<Record<string, unknown>>;
}

export type Work = (signal: AbortSignal) => Promise<JobOutcome>;

/** What jobs work with. */
export interface JobServices {
  readonly config: Config;
  readonly pool: Pool;
  readonly venues: Venues;
  readonly watermarks: Watermarks;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface JobKind {
  /** Which of its fields a job of this kind has to have. */
  readonly needs: 'series' | 'exchanges' | 'nothing';
  /** Called once for each job; the result is called for each attempt and may remember. */
  readonly prepare: (job: Job, services: JobServices) => Work;
}

/** Name that the runs of a job have in `market.ingest_runs`. */
export function ingestJobName({ kind, name }: Pick<Job, 'kind' | 'name'>): string {
  return kind === name ? kind : `${kind}:${name}`;
}
