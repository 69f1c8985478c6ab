/**
 * Writes closed candles at a steady rate, one transaction each, and remembers when each commit was
 * acknowledged. In: a pool, a rate, a range of candle numbers. Out: commit times on this process's
 * clock. The number decides everything else: candle n belongs to series n mod SERIES and opens at
 * minute n, so an open time names one candle, and a series moves forward only.
 */
import { ensureMonthPartitions } from '../etl/load/ensure-partitions.ts';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

export const PACED_EXCHANGE = 'paced';
export const SERIES = 250;
/** Connections; a divisor of SERIES, so that a series stays on one of them, in order. */
export const WRITERS = 5;

const MINUTE_MS = 60_000;
const FIRST_OPEN = Date.UTC(2020, 0, 1);

export function openTimeOf(number: number): EpochMs {
  return epochMs(FIRST_OPEN + number * MINUTE_MS);
}

export function numberOf(openTime: number): number {
  return (openTime - FIRST_OPEN) / MINUTE_MS;
}

/** A walk with plausible prices; the same number always gives the same candle. */
export function pacedCandle(number: number): Candle {
  const series = number % SERIES;
  const base = 100 + series + 10 * Math.sin(number / (SERIES * 7));
  const price = (offset: number) => decimal((base + offset).toFixed(4));
  const openTime = openTimeOf(number);
  return {
    exchange: PACED_EXCHANGE,
    marketType: 'perp',
    symbol: `S${String(series).padStart(3, '0')}/USDT`,
    interval: '1m',
    openTime,
    open: price(0),
    high: price(0.5),
    low: price(-0.5),
    close: price(Math.cos(number / 3) / 2),
    volume: decimal((1 + (number % 17)).toFixed(2)),
    quoteVolume: null,
    trades: null,
    takerBuyBase: null,
    takerBuyQuote: null,
    isClosed: true,
    observedAt: openTime,
    source: 'rest',
  };
}

const INSERT = {
  name: 'bench-insert-candle',
  text: `insert into market.candles (exchange, market_type, symbol, interval, open_time, open, high,
           low, close, volume, is_closed, observed_at, source)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true, $5, 'rest')`,
};

export interface PacedRun {
  /** Number of the first candle. */
  readonly from: number;
  readonly count: number;
  readonly perSecond: number;
  readonly signal: AbortSignal;
}

export interface PacedResult {
  /** `performance.now()` at each commit's acknowledgement, by number less `from`. */
  readonly committedAt: Float64Array;
  /** Commits a second that were reached. */
  readonly perSecond: number;
}

export async function writePaced(pool: Pool, run: PacedRun): Promise<PacedResult> {
  await ensureMonthPartitions(pool, 'candles', months(run));
  const committedAt = new Float64Array(run.count);
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      const client = await pool.connect();
      try {
        const first = (WRITERS + writer - (run.from % WRITERS)) % WRITERS;
        for (let index = first; index < run.count; index += WRITERS) {
          run.signal.throwIfAborted();
          await untilTime(startedAt + (index * 1000) / run.perSecond);
          const candle = pacedCandle(run.from + index);
          await client.query({ ...INSERT, values: valuesOf(candle) });
          committedAt[index] = performance.now();
        }
      } finally {
        client.release();
      }
    }),
  );
  const seconds = (Math.max(...committedAt) - startedAt) / 1000;
  return { committedAt, perSecond: run.count / seconds };
}

function valuesOf(candle: Candle): (string | null)[] {
  const { exchange, marketType, symbol, interval, openTime, open, high, low, close } = candle;
  const time = new Date(openTime).toISOString();
  return [exchange, marketType, symbol, interval, time, open, high, low, close, candle.volume];
}

function* months({ from, count }: PacedRun): Generator<EpochMs> {
  const day = 1440;
  for (let number = from; number < from + count; number += day) yield openTimeOf(number);
  yield openTimeOf(from + count - 1);
}

async function untilTime(time: number): Promise<void> {
  const wait = time - performance.now();
  if (wait <= 0) return;
  await new Promise((resolve) => {
    setTimeout(resolve, wait);
  });
}
