/**
 * Looks a series through for candles that are missing, has the venue asked for them, and keeps the gap
 * ledger true. In: a series and a range. Out: how many candles came to what. A survey that finds
 * nothing new writes nothing. It may be cut off at any line: the next one goes on.
 *
 * A gap that was just asked for rests a while; after two answers without its candles the venue has
 * none, after five questions of any outcome it is given up. Whatever arrives later all the same turns
 * it to repaired.
 */
import type { Series } from '#core/candle.ts';
import { epochMs, isEpochMs, type Clock, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import type { VenueAdapter } from '../extract/venue.ts';
import { askVenue, planQuestions } from './ask-venue.ts';
import { readGaps } from './gap-rows.ts';
import { reopenGaps } from './reopen-gaps.ts';
import { reconcileRange, type RangeToReconcile } from './reconcile-range.ts';
import { gridOf, searchWindow, widthMax } from './search-window.ts';
import { addCounts, type GapCounts, type TimeRange } from './settle.ts';

export interface GapSurvey {
  readonly pool: Pool;
  readonly adapter: Pick<
    VenueAdapter,
    'id' | 'marketType' | 'fetchCandles' | 'fetchServerTime' | 'findInstrument' | 'reachCandles'
  >;
  readonly series: Series;
  /** First open time that the series should have. */
  readonly from: EpochMs;
  /** Exclusive; what is not over yet is left out anyway. */
  readonly to: EpochMs;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
  /** What retention has dropped is no gap: candles are kept from here on. Default: all are. */
  readonly retentionFloor?: EpochMs | null | undefined;
  /** How long a gap rests after a question, ms; doubled after each further one. Default 60,000. */
  readonly restMs?: number | undefined;
  /** Gaps that were settled as empty or unrepairable are missing again. */
  readonly again?: boolean | undefined;
  /** Candles that are asked for in one survey, at most. Default 50,000; 0 only looks. */
  readonly askMax?: number | undefined;
}

/** Candles, each counted where it changed in this survey; `stillMissing` is what is left. */
export interface GapReport {
  readonly found: number;
  readonly repaired: number;
  readonly venueEmpty: number;
  readonly unrepairable: number;
  readonly stillMissing: number;
}

const REST_MS = 60_000;
const ASK_CANDLES_MAX = 50_000;

const NOTHING: GapReport = {
  found: 0,
  repaired: 0,
  venueEmpty: 0,
  unrepairable: 0,
  stillMissing: 0,
};

/**
 * @throws AppError of the venue where it could not be asked at all, or of Postgres; what was found
 * until then is in the ledger.
 */
export async function surveyGaps(survey: GapSurvey): Promise<GapReport> {
  const { pool, adapter, series, clock, signal } = survey;
  const venueNow = await adapter.fetchServerTime(signal);
  const range = await searchWindow({
    pool,
    adapter,
    series,
    from: survey.from,
    to: survey.to,
    retentionFloor: survey.retentionFloor ?? null,
    venueNow,
    signal,
  });
  if (range === null) return NOTHING;
  const work: Omit<RangeToReconcile, 'now'> = {
    pool,
    series,
    grid: await gridOf(pool, series),
    range,
    answer: null,
    reachFrom: reachOf(adapter.reachCandles, series, venueNow),
    signal,
  };
  if (survey.again === true) await reopenGaps(pool, series, range);
  let counts = await reconcileRange({ ...work, now: clock.now() });
  const missing = (await readGaps(pool, series, range)).filter(({ cause }) => cause === 'missing');
  const due = missing
    .filter((gap) => isRested(gap, clock.now(), survey.restMs ?? REST_MS))
    .map((gap) => ({
      ...gap,
      from: epochMs(Math.max(gap.from, range.from)),
      to: epochMs(Math.min(gap.to, range.to)),
    }))
    .filter(({ from, to }) => from < to);
  const context = { pool, adapter, series, venueNow, signal };
  for (const question of planQuestions(due, series, survey.askMax ?? ASK_CANDLES_MAX)) {
    const answer = await askVenue(context, question);
    const told = await reconcileRange({ ...work, range: question, answer, now: clock.now() });
    counts = addCounts(counts, told);
  }
  const report = await describe(survey, range, counts);
  if (counts.found > 0 || due.length > 0) {
    survey.logger.info({ ...series, ...report, asked: due.length }, 'gaps surveyed');
  }
  return report;
}

async function describe(
  { pool, series }: GapSurvey,
  range: TimeRange,
  { found, changed }: GapCounts,
): Promise<GapReport> {
  const left = (await readGaps(pool, series, range)).filter(({ cause }) => cause === 'missing');
  return {
    found,
    repaired: changed.repaired,
    venueEmpty: changed.venue_empty,
    unrepairable: changed.unrepairable,
    stillMissing: left.reduce((sum, { candles }) => sum + candles, 0),
  };
}

function isRested(
  gap: { readonly attempts: number; readonly lastCheckedAt: EpochMs | null },
  now: EpochMs,
  restMs: number,
): boolean {
  if (gap.lastCheckedAt === null) return true;
  return now >= gap.lastCheckedAt + restMs * 2 ** Math.max(0, gap.attempts - 1);
}

/** The oldest candle that the venue still tells. */
function reachOf(reachCandles: number | null, series: Series, venueNow: EpochMs): EpochMs | null {
  if (reachCandles === null) return null;
  const oldest = venueNow - reachCandles * widthMax(series.interval);
  return isEpochMs(oldest) ? oldest : null;
}
