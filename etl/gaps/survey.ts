/**
 * Looks a series through for candles that are missing, has the venue asked for them, and keeps the gap
 * ledger true. In: a series and a range. Out: how many candles came to what. A survey that finds
 * nothing new writes nothing. It may be cut off at any line: the next one goes on.
 *
 * A gap that was just asked for rests a while; after two answers without its candles (one, where the
 * venue is known to have been halted) the venue has none, after five questions of any outcome it is
 * given up. Whatever arrives later all the same turns it to repaired.
 */
import { expectedSpan } from '#core/calendar.ts';
import type { Series } from '#core/candle.ts';
import type { Gap } from '#core/gap.ts';
import { epochMs, isEpochMs, type Clock, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import { inTransaction, type Pool } from '#platform/postgres.ts';
import type { VenueAdapter } from '../extract/venue.ts';
import { moveAnchor } from '../load/set-anchors.ts';
import { askVenue, planQuestions } from './ask-venue.ts';
import { readGaps } from './gap-rows.ts';
import { reopen, reopenGaps } from './reopen-gaps.ts';
import { judgeSlice, reconcileRange, slicesOf, type RangeToReconcile } from './reconcile-range.ts';
import { haltedSlots, type KnownHalt } from './known-halts.ts';
import { gridOf, searchWindow, widthMax } from './search-window.ts';
import { addCounts, type GapCounts, type TimeRange } from './settle.ts';

export interface GapSurvey {
  readonly pool: Pool;
  readonly adapter: Pick<
    VenueAdapter,
    | 'id'
    | 'marketType'
    | 'calendar'
    | 'fetchCandles'
    | 'fetchServerTime'
    | 'findInstrument'
    | 'reachCandles'
  >;
  readonly series: Series;
  /** First open time that the series should have. */
  readonly from: EpochMs;
  /** Exclusive; what is not over yet is left out anyway. */
  readonly to: EpochMs;
  /** The venue's clock, if it was just asked; otherwise it is asked. */
  readonly venueNow?: EpochMs | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
  /** What retention has dropped is no gap: candles are kept from here on. Default: all are. */
  readonly retentionFloor?: EpochMs | null | undefined;
  /** How long a gap rests after a question, ms; doubled after each further one. Default 60,000. */
  readonly restMs?: number | undefined;
  /** When venues are known to have been halted. Default: nothing is known. */
  readonly halts?: readonly KnownHalt[] | undefined;
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
  const scope = await scopeOf(survey);
  if (scope === null) return NOTHING;
  const { venueNow, ...work } = scope;
  const { range } = work;
  if (survey.again === true) await reopenGaps(pool, series, range);
  let counts = await reconcileRange({ ...work, now: clock.now() });
  const due = dueOf(await readGaps(pool, series, range), survey, range);
  const context = { pool, adapter, series, venueNow, signal };
  for (const question of planQuestions(due, series, survey.askMax ?? ASK_CANDLES_MAX)) {
    const answer = await askVenue(context, question);
    const told = await reconcileRange({ ...work, range: question, answer, now: clock.now() });
    counts = addCounts(counts, told);
  }
  const report = await describe(survey, range, counts);
  if (due.length > 0 && report.stillMissing === 0) await moveAnchor(pool, series, range.from);
  if (counts.found > 0 || due.length > 0) {
    survey.logger.info({ ...series, ...report, asked: due.length }, 'gaps surveyed');
  }
  return report;
}

/** What a survey looks at; null where there is nothing to look at. */
async function scopeOf(
  survey: GapSurvey,
): Promise<(Omit<RangeToReconcile, 'now'> & { readonly venueNow: EpochMs }) | null> {
  const { pool, adapter, series, signal } = survey;
  const venueNow = survey.venueNow ?? (await adapter.fetchServerTime(signal));
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
  if (range === null) return null;
  const grid = await gridOf(pool, series, adapter.calendar);
  const halted = haltedSlots(survey.halts ?? [], series);
  const reachFrom = reachOf(adapter.reachCandles, series, venueNow);
  return { pool, series, grid, range, answer: null, halted, reachFrom, signal, venueNow };
}

/** Of the rows, what is missing in the range and has rested, cut to the range. */
function dueOf(
  rows: readonly Gap[],
  { clock, restMs }: Pick<GapSurvey, 'clock' | 'restMs'>,
  range: TimeRange,
): readonly Gap[] {
  return rows
    .filter(({ cause }) => cause === 'missing')
    .filter((gap) => isRested(gap, clock.now(), restMs ?? REST_MS))
    .map((gap) => cut(gap, range))
    .filter(({ from, to }) => from < to);
}

function cut(gap: Gap, { from, to }: TimeRange): Gap {
  return {
    ...gap,
    from: epochMs(Math.max(gap.from, from)),
    to: epochMs(Math.min(gap.to, to)),
  };
}

/** What a survey would do now. */
export interface SurveyPreview {
  /** Candles that the ledger does not know to be missing yet. */
  readonly found: number;
  /** Candles that are missing by then, all in all. */
  readonly missing: number;
  /** What the venue would be asked for, newest first. */
  readonly questions: readonly TimeRange[];
}

/**
 * Says what `surveyGaps` would find and ask for, and writes nothing: no row of the ledger, no run. Of
 * the venue only its clock is asked, and its list where the catalogue does not know the instrument.
 * @throws AppError of the venue, or of Postgres.
 */
export async function previewSurvey(survey: GapSurvey): Promise<SurveyPreview> {
  const scope = await scopeOf(survey);
  if (scope === null) return { found: 0, missing: 0, questions: [] };
  const { pool, series, clock, again, askMax } = survey;
  const work = { ...scope, now: clock.now() };
  const missing: Gap[] = [];
  let found = 0;
  await inTransaction(pool, async (client) => {
    await client.query('set transaction read only');
    for (const slice of slicesOf(work)) {
      survey.signal?.throwIfAborted();
      const stored = await readGaps(client, series, slice);
      const known = again === true ? stored.map((gap) => reopen(gap, scope.range)) : stored;
      const settled = await judgeSlice(client, work, slice, known);
      found += settled.found;
      missing.push(
        ...settled.rows
          .filter(({ cause }) => cause === 'missing')
          .map((gap) => cut(gap, slice))
          .filter(({ from, to }) => from < to),
      );
    }
  });
  const candles = missing.map(({ from, to }) => expectedSpan(scope.grid, from, to)?.candles ?? 0);
  const due = dueOf(missing, survey, scope.range);
  return {
    found,
    missing: candles.reduce((sum, each) => sum + each, 0),
    questions: planQuestions(due, series, askMax ?? ASK_CANDLES_MAX),
  };
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
