/**
 * Asks the venue for what is missing. In: the gaps that are due. Out: for each question its answer,
 * with what the ledger must know to judge it; the candles that came are stored by then. Gaps that lie
 * close together share a question. The newest are asked for first.
 */
import type { Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { Gap } from '#core/gap.ts';
import { nominalWidthMs } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { VenueAdapter } from '../extract/venue.ts';
import { ingest } from '../ingest.ts';
import { countSameHole } from './gap-rows.ts';
import type { Answer, TimeRange } from './settle.ts';

export interface QuestionContext {
  readonly pool: Pool;
  readonly adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchCandles'>;
  readonly series: Series;
  readonly venueNow: EpochMs;
  readonly signal?: AbortSignal | undefined;
}

/** Name that the runs are recorded under. */
const JOB = 'gap-repair';
/** Gaps with fewer stored candles than this between them are asked for at once: about a page. */
const SAME_PAGE_SLOTS = 400;
/** Candles in one question, at most. */
const QUESTION_SLOTS_MAX = 20_000;
/** Refused rows that are read of one question, at most; each slot counts once. */
const REFUSED_MAX = QUESTION_SLOTS_MAX;
/** The venue was not asked, or not heard: that is no answer, and it will not help to go on. */
const NOT_ASKED: readonly string[] = ['WICK_ETL_VENUE_RATE_LIMITED', 'WICK_ETL_VENUE_DOWN'];
/** No connection, no time, or a server's own trouble: it says nothing about candles. */
const isTransport = (error: AppError): boolean =>
  error.code === 'WICK_ETL_VENUE_HTTP' && error.retryable;

const REFUSED = `
  select distinct on (open_time) open_time, reason
  from market.quarantine
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and redriven_at is null
    and open_time >= $5::timestamptz and open_time < $6::timestamptz
  order by open_time, id
  limit $7::integer`;

/**
 * What to ask, newest first, within `candlesMax` candles altogether.
 * @param due gaps in rising order.
 */
export function planQuestions(
  due: readonly Gap[],
  series: Series,
  candlesMax: number,
): TimeRange[] {
  const width = nominalWidthMs(series.interval);
  const questions: TimeRange[] = [];
  let left = candlesMax;
  for (const { from, to } of due.toReversed()) {
    // A long one is asked for in parts, its newest part first.
    for (let end = to; end > from && left > 0;) {
      const slots = Math.min(QUESTION_SLOTS_MAX, left);
      const part = { from: epochMs(Math.max(from, end - slots * width)), to: end };
      const last = questions.at(-1);
      const isClose =
        last !== undefined &&
        last.from - part.to <= SAME_PAGE_SLOTS * width &&
        last.to - part.from <= QUESTION_SLOTS_MAX * width;
      if (isClose) questions[questions.length - 1] = { from: part.from, to: last.to };
      else questions.push(part);
      left -= Math.ceil((part.to - part.from) / width);
      end = part.from;
    }
  }
  return questions;
}

/**
 * Asks once; what comes is stored.
 * @throws AppError where the venue could not be asked at all or the store failed; the abort's reason.
 */
export async function askVenue(context: QuestionContext, question: TimeRange): Promise<Answer> {
  const { pool, adapter, series, venueNow, signal } = context;
  try {
    const { runId } = await ingest({
      job: JOB,
      adapter,
      pool,
      series,
      ...question,
      venueNow,
      // Parts of a hole come newest first, and a backfill may be at it: the survey moves it at its end.
      movesAnchor: false,
      signal,
    });
    const [refused, others] = [
      await readRefused(pool, series, question),
      await countSameHole(pool, series, question),
    ];
    const remark =
      others === 0 ? null : `missing in ${others} other series too: it may have been halted`;
    return { ...question, failure: null, refused, remark, runId: String(runId) };
  } catch (error) {
    if (signal?.aborted === true || !isAnswer(error)) throw error;
    return { ...question, failure: errorText(error), refused: [], remark: null, runId: null };
  }
}

/** A refusal or rubbish is an answer of a kind: it counts as a question. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  return error.code.startsWith('WICK_ETL_') && !isNotAsked(error);
}

function isNotAsked(error: AppError): boolean {
  const { code } = error;
  return NOT_ASKED.includes(code) || code === 'WICK_ETL_LOAD_FAILED' || isTransport(error);
}

async function readRefused(
  pool: Pool,
  series: Series,
  { from, to }: TimeRange,
): Promise<Answer['refused']> {
  const found = await pool.query<{ open_time: EpochMs; reason: string }>(REFUSED, [
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    new Date(from).toISOString(),
    new Date(to).toISOString(),
    REFUSED_MAX,
  ]);
  return found.rows.map(({ open_time: open, reason }) => ({
    from: open,
    to: epochMs(open + 1),
    reason,
  }));
}
