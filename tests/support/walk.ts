/** A seeded random walk of closed one-minute candles: synthetic, but it trends, turns and stands still. */
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, testCandle } from './candles.ts';

const MINUTE_MS = 60_000;
/** Prices are whole numbers of this part of one. */
const TICKS = 1_000;

/** `count` candles from minute `from` on; the same seed gives the same market. */
export function walkCandles(
  count: number,
  { symbol, seed, from = 0 }: { symbol: string; seed: number; from?: number },
): Candle[] {
  const next = generator(seed);
  let close = 100 * TICKS;
  return Array.from({ length: count }, (_, index) => {
    const open = close;
    const drift = Math.sin(index / 40) * 60;
    close = Math.max(TICKS, open + Math.round(drift + (next() - 0.5) * 500));
    const high = Math.max(open, close) + Math.round(next() * 200);
    const low = Math.max(1, Math.min(open, close) - Math.round(next() * 200));
    return testCandle({
      symbol,
      openTime: epochMs(TEST_OPEN_TIME + (from + index) * MINUTE_MS),
      open: price(open),
      high: price(high),
      low: price(low),
      close: price(close),
      volume: price(Math.round(next() * 90_000)),
      quoteVolume: null,
      trades: index % 7 === 0 ? null : index,
      takerBuyBase: null,
      takerBuyQuote: null,
    });
  });
}

function price(ticks: number): Candle['open'] {
  return decimal((ticks / TICKS).toFixed(3));
}

/** Numbers in [0, 1) (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
