/**
 * Bars for tests: real ones from a fixture, and generated ones that reach for the edges. Out: bars in
 * order of open time that keep what the database promises (prices above zero, no NaN).
 */
import { readFileSync } from 'node:fs';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import fc from 'fast-check';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { barOf, type Bar } from '../../analyzer/features/bar.ts';

const MINUTE_MS = 60_000;
const CANDLES = new URL('../../analyzer/features/fixtures/candles.json', import.meta.url);
const Candles = Type.Array(Type.Array(Type.String()));

/** 320 real one-minute candles around a UTC midnight; see fixtures/SOURCES.md. */
export function realBars(): Bar[] {
  return Value.Parse(Candles, JSON.parse(readFileSync(CANDLES, 'utf8'))).map(recordedBar);
}

/** A bar of the cells of a recording's row: open time in ms, four prices, volume. */
export function recordedBar(cells: readonly string[]): Bar {
  const [time = '', open = '', high = '', low = '', close = '', volume = ''] = cells;
  return barOf({
    openTime: epochMs(Number(time)),
    open: decimal(open),
    high: decimal(high),
    low: decimal(low),
    close: decimal(close),
    volume: decimal(volume),
    quoteVolume: null,
    trades: null,
    takerBuyBase: null,
    takerBuyQuote: null,
    isClosed: true,
  });
}

/** The bits of numbers, for comparisons in which 0 and -0 differ and NaN equals itself. */
export function bitsOf(numbers: Float64Array | readonly number[]): string {
  const floats = Float64Array.from(numbers);
  return Buffer.from(floats.buffer).toString('hex');
}

/** A generated series: random walks at any price scale, flat stretches, absent and zero volumes. */
export const anyBars: fc.Arbitrary<Bar[]> = fc
  .record({
    scale: fc.constantFrom(1e-12, 1e-5, 1, 1e5, 1e15),
    steps: fc.array(
      fc.record({
        move: fc.oneof(fc.constant(0), fc.double({ min: -0.2, max: 0.25, noNaN: true })),
        above: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.1, noNaN: true })),
        below: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.1, noNaN: true })),
        volume: fc.oneof(
          { weight: 6, arbitrary: fc.double({ min: 0, max: 1e12, noNaN: true }) },
          { weight: 1, arbitrary: fc.constant(0) },
          { weight: 1, arbitrary: fc.constant(null) },
        ),
        minutes: fc.oneof(
          { weight: 8, arbitrary: fc.constant(1) },
          { weight: 1, arbitrary: fc.integer({ min: 2, max: 3000 }) },
        ),
      }),
      { minLength: 1, maxLength: 120 },
    ),
  })
  .map(({ scale, steps }) => {
    let close = scale;
    let minute = 0;
    return steps.map((step) => {
      const open = close;
      close = open * (1 + step.move);
      minute += step.minutes;
      return barAt(minute, {
        open,
        high: Math.max(open, close) * (1 + step.above),
        low: Math.min(open, close) * (1 - step.below),
        close,
        volume: step.volume === null ? null : step.volume + 0,
      });
    });
  });

/** A bar that opens `minute` minutes after 2025-06-01T00:00Z. */
export function barAt(
  minute: number,
  values: Pick<Bar, 'open' | 'high' | 'low' | 'close' | 'volume'>,
): Bar {
  return {
    openTime: epochMs(Date.UTC(2025, 5, 1) + minute * MINUTE_MS),
    ...values,
    quoteVolume: null,
    trades: null,
    takerBuyBase: null,
    takerBuyQuote: null,
  };
}

/** The same price over and over. */
export function flatBars(price: number, length: number, volume: number | null): Bar[] {
  return Array.from({ length }, (_, minute) =>
    barAt(minute, { open: price, high: price, low: price, close: price, volume }),
  );
}
