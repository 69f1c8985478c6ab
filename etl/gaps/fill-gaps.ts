/**
 * Puts made-up candles where a venue has none, because somebody asks for it: never by itself. In: a
 * series and a range. Out: how many. Each is flat at the close before it, has no volume, says
 * `synthetic` as its source, and its gap says so in the ledger. A real candle that comes later takes
 * its place as a revision. Cut off at any line, the same call goes on.
 */
import type { Candle, Series } from '#core/candle.ts';
import { expectedOpens, type CalendarId } from '#core/calendar.ts';
import type { DecimalString } from '#core/decimal.ts';
import { errorText } from '#core/errors.ts';
import type { Gap } from '#core/gap.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import { inTransaction, type Pool } from '#platform/postgres.ts';
import { finishRun } from '../load/finish-run.ts';
import { loadBatch } from '../load/load-batch.ts';
import { startRun } from '../load/start-run.ts';
import { lockGaps, readGaps, writeGaps } from './gap-rows.ts';
import { gridOf } from './search-window.ts';
import type { TimeRange } from './settle.ts';

export interface FillOptions extends TimeRange {
  readonly pool: Pool;
  readonly series: Series;
  /** The venue's, where the venue says it. */
  readonly calendar?: CalendarId | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

export interface FillReport {
  /** Candles made up by this call. */
  readonly filled: number;
  /** Candles left missing: the venue may still have them, or nothing is stored before them. */
  readonly left: number;
}

const JOB = 'gaps-fill';
/** Candles in one transaction. */
const BATCH_SLOTS = 5_000;

const CLOSE_BEFORE = `
  select close from market.candles
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and open_time < $5::timestamptz and is_closed
  order by open_time desc
  limit 1`;

/** @throws AppError WICK_ETL_LOAD_FAILED; what was filled until then stays, and the ledger says so. */
export async function fillGaps(options: FillOptions): Promise<FillReport> {
  const { pool, series } = options;
  const grid = await gridOf(pool, series, options.calendar);
  let filled = 0;
  let left = 0;
  for (const gap of await readGaps(pool, series, options)) {
    options.signal?.throwIfAborted();
    const isInside = gap.from >= options.from && gap.to <= options.to;
    if (!isInside || gap.cause === 'repaired' || gap.cause === 'synthetic') continue;
    const close = gap.cause === 'missing' ? null : await closeBefore(pool, series, gap.from);
    if (close === null) {
      left += gap.candles;
      continue;
    }
    const opens = [...expectedOpens(grid, gap.from, gap.to)];
    for (let at = 0; at < opens.length; at += BATCH_SLOTS) {
      await store(options, close, opens.slice(at, at + BATCH_SLOTS));
    }
    await mark(options, gap);
    filled += gap.candles;
  }
  return { filled, left };
}

async function closeBefore(
  pool: Pool,
  series: Series,
  time: EpochMs,
): Promise<DecimalString | null> {
  const { exchange, marketType, symbol, interval } = series;
  const found = await pool.query<{ close: DecimalString }>(CLOSE_BEFORE, [
    exchange,
    marketType,
    symbol,
    interval,
    new Date(time).toISOString(),
  ]);
  return found.rows[0]?.close ?? null;
}

async function store(
  { pool, series, clock }: FillOptions,
  close: DecimalString,
  opens: readonly EpochMs[],
): Promise<void> {
  const [from] = opens;
  const to = opens.at(-1);
  if (from === undefined || to === undefined) return;
  const observedAt = clock.now();
  const accepted = opens.map((openTime): Candle => ({
    ...series,
    openTime,
    open: close,
    high: close,
    low: close,
    close,
    volume: null,
    quoteVolume: null,
    trades: null,
    takerBuyBase: null,
    takerBuyQuote: null,
    isClosed: true,
    observedAt,
    source: 'synthetic',
  }));
  const runId = await startRun(pool, { job: JOB, series, from, to });
  try {
    const page = { accepted, rejects: [], raw: null };
    await loadBatch(pool, runId, series, [page], { movesWatermark: false });
    await finishRun(pool, runId, null);
  } catch (error) {
    await finishRun(pool, runId, errorText(error)).catch(() => undefined); // The load's error counts.
    throw error;
  }
}

/** Unless somebody else settled it meanwhile. */
async function mark({ pool, series, clock }: FillOptions, filled: Gap): Promise<void> {
  await inTransaction(pool, async (client) => {
    await lockGaps(client, series);
    const known = await readGaps(client, series, filled);
    const after = known.map((gap) =>
      gap.from === filled.from && gap.to === filled.to && gap.cause === filled.cause
        ? { ...gap, cause: 'synthetic' as const, resolvedAt: clock.now(), detail: detailOf(gap) }
        : gap,
    );
    await writeGaps(client, series, known, after);
  });
}

function detailOf({ cause }: Gap): string {
  return `was ${cause}; filled on request with the close before it`;
}
