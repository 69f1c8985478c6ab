/**
 * Jobs of kind `gaps`: look series through for missing candles, have the venues asked, keep the gap
 * ledger true. Series that it names are to be whole up to now, stored ones as far as they were asked
 * for. One series at a time: it is in no hurry, and what collects shall go before it. Cut off, the next
 * attempt goes on with the series that was at hand, so that all of them have their turn.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import {
  askedWindow,
  loadHalts,
  surveyGaps,
  type GapReport,
  type KnownHalt,
} from '../etl/index.ts';
import { abortedOr } from './aborted.ts';
import { daysBack } from './days-back.ts';
import { seriesOfJob } from './job-series.ts';
import type { Job, JobKind, JobServices } from './job.ts';
import { VenueClocks } from './venue-clocks.ts';

/** The venue is not asked at all for now, whatever the series. */
const VENUE_AWAY: readonly string[] = ['WICK_ETL_VENUE_RATE_LIMITED', 'WICK_ETL_VENUE_DOWN'];

interface Target {
  readonly series: Series;
  readonly key: string;
  /** Only stored: whole as far as it was asked for. */
  readonly isStored: boolean;
}

export const gapsKind: JobKind = {
  needs: 'series',
  prepare: (job, services) => {
    // A broken list ends the start, not the first run.
    const halts = loadHalts(services.config.KNOWN_HALTS);
    let resumeAt: string | null = null;
    return async (signal) => {
      const { named, stored, passedOver } = await seriesOfJob(job, services);
      const targets = [
        ...named.map((series) => ({ series, key: seriesKey(series), isStored: false })),
        ...stored.map((series) => ({ series, key: seriesKey(series), isStored: true })),
      ];
      const tally = new Tally(passedOver);
      const clocks = new VenueClocks(services.venues, services.clock);
      for (const target of rotated(targets, resumeAt)) {
        resumeAt = target.key;
        if (tally.isAway(target.series.exchange)) continue;
        try {
          const venueNow = await clocks.now(target.series.exchange, signal);
          tally.add(await survey(job, { ...services, halts }, target, { venueNow, signal }));
        } catch (error) {
          tally.fail(target, error, abortedOr(signal, error), clocks);
        }
      }
      resumeAt = null;
      return { wrote: tally.sum.repaired, failures: tally.failures, report: tally.report() };
    };
  },
};

interface SurveyServices extends JobServices {
  readonly halts: readonly KnownHalt[];
}

async function survey(
  { historyDays }: Job,
  { config, pool, venues, clock, logger, halts }: SurveyServices,
  { series, isStored }: Target,
  { venueNow, signal }: { readonly venueNow: EpochMs; readonly signal: AbortSignal },
): Promise<GapReport | null> {
  const now = clock.now();
  const asked = await askedWindow(pool, series);
  const floor = historyDays === null ? null : daysBack(now, historyDays);
  // A named one shall have its days of history; of a stored one they only bound what was asked for.
  const from = isStored || floor === null ? (asked?.from ?? null) : floor;
  // Never asked for: what is to be there is not known yet.
  if (from === null) return null;
  const kept = daysBack(now, config.CANDLE_RETENTION_DAYS);
  return surveyGaps({
    pool,
    adapter: venues.open(series.exchange),
    series,
    from,
    to: isStored ? (asked?.to ?? now) : now,
    retentionFloor: floor === null ? kept : epochMs(Math.max(kept, floor)),
    venueNow,
    clock,
    logger,
    halts,
    signal,
  });
}

/** Begins where the last attempt was cut off. */
function rotated(targets: readonly Target[], resumeAt: string | null): readonly Target[] {
  const at = targets.findIndex(({ key }) => key === resumeAt);
  return at <= 0 ? targets : [...targets.slice(at), ...targets.slice(0, at)];
}

/** What an attempt did, series by series. */
class Tally {
  readonly sum = {
    series: 0,
    found: 0,
    repaired: 0,
    venueEmpty: 0,
    unrepairable: 0,
    stillMissing: 0,
  };
  readonly failures: string[] = [];
  readonly #passedOver: string[];
  readonly #away = new Set<string>();

  constructor(passedOver: readonly string[]) {
    this.#passedOver = [...passedOver];
  }

  /** The venue of a series could not be asked: the rest of its series waits for the next attempt. */
  isAway(exchange: string): boolean {
    return this.#away.has(exchange);
  }

  add(report: GapReport | null): void {
    if (report === null) return;
    this.sum.series += 1;
    this.sum.found += report.found;
    this.sum.repaired += report.repaired;
    this.sum.venueEmpty += report.venueEmpty;
    this.sum.unrepairable += report.unrepairable;
    this.sum.stillMissing += report.stillMissing;
  }

  fail({ series, key, isStored }: Target, error: unknown, told: string, clocks: VenueClocks): void {
    const { exchange } = series;
    const code = error instanceof AppError ? error.code : null;
    if (code === 'WICK_ETL_UNSUPPORTED' && isStored) {
      // It was taken off before any catalogue knew it: nobody can be asked.
      this.#passedOver.push(`${key}: ${told}`);
    } else if (!clocks.isKnown(exchange) || (code !== null && VENUE_AWAY.includes(code))) {
      this.#away.add(exchange);
      this.failures.push(`${exchange}: ${told}; its other series wait for the next attempt`);
    } else {
      this.failures.push(`${key}: ${told}`);
    }
  }

  report(): Readonly<Record<string, unknown>> {
    if (this.#passedOver.length === 0) return this.sum;
    return { ...this.sum, passedOver: this.#passedOver };
  }
}
