/**
 * Asks the venue about what is due, series by series, a few at once. In: the series of one connection.
 * Out: the venue's answers in the store and what disagrees on record, by ask-venue.ts. The venue's clock
 * is asked once for all that is due together. What was not answered stays due, less and less often.
 */
import { seriesKey } from '#core/candle.ts';
import { errorText } from '#core/errors.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import type { VenueAdapter } from '../extract/venue.ts';
import { SharedRun } from '../load/shared-run.ts';
import { askVenue, type AskReport } from './ask-venue.ts';
import type { StreamedSeries } from './streamed-series.ts';

export interface SentinelOptions {
  readonly adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchCandles' | 'fetchServerTime'>;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onAsked: (state: StreamedSeries, report: AskReport) => void;
}

interface Due {
  readonly state: StreamedSeries;
  readonly range: { readonly from: EpochMs; readonly to: EpochMs };
}

const JOB = 'stream-check';
const ASKED_AT_ONCE = 3;

export class Sentinel {
  readonly #options: SentinelOptions;
  readonly #runs: ReadonlyMap<StreamedSeries, SharedRun>;

  constructor(states: readonly StreamedSeries[], options: SentinelOptions) {
    this.#options = options;
    this.#runs = new Map(
      states.map((state) => [state, new SharedRun({ ...options, job: JOB, series: state.series })]),
    );
  }

  /** One look at what is due, and the questions about it. @throws nothing that a venue or store may do. */
  async look(): Promise<void> {
    const { adapter, clock, signal } = this.#options;
    const now = clock.now();
    const due = [...this.#runs.keys()].flatMap((state): Due[] => {
      const range = state.due(now);
      return range === null ? [] : [{ state, range }];
    });
    if (due.length === 0) return;
    let venueNow: EpochMs;
    try {
      venueNow = await adapter.fetchServerTime(signal);
    } catch (error) {
      for (const { state } of due) this.#failed(state, error);
      return;
    }
    const worker = async (): Promise<void> => {
      for (let next = due.shift(); next !== undefined; next = due.shift()) {
        if (signal.aborted) return;
        await this.#ask(next, venueNow);
      }
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, worker));
  }

  /** Closes the records of what was asked. */
  async close(): Promise<void> {
    for (const run of this.#runs.values()) await run.close();
  }

  async #ask({ state, range }: Due, venueNow: EpochMs): Promise<void> {
    const { logger, onAsked } = this.#options;
    const run = this.#runs.get(state);
    if (run === undefined) return;
    try {
      const report = await askVenue(state, range, { ...this.#options, run, venueNow });
      onAsked(state, report);
      for (const { verdict, openTime } of report.findings) {
        const series = seriesKey(state.series);
        logger.warn({ series, openTime, verdict }, 'stream and venue disagree; it is on record');
      }
    } catch (error) {
      this.#failed(state, error);
    }
  }

  #failed(state: StreamedSeries, error: unknown): void {
    const { clock, logger, signal } = this.#options;
    if (signal.aborted) return;
    state.answered(null, clock.now());
    const series = seriesKey(state.series);
    logger.warn({ series, err: errorText(error) }, 'not asked; trying again');
  }
}
