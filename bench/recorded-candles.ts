/**
 * Real candles for the benches: the bundled recordings of Binance futures, in memory. In: the recordings folder. Out:
 * candles with exact decimals, oldest first within a series. Under another exchange name they are
 * new rows with the same values.
 */
import { join } from 'node:path';
import { loadRecordings } from '../local/venues/recordings-folder.ts';
import { readCells } from '../local/venues/recording.ts';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { CHECKOUT } from './bench-stack.ts';

const FOLDER = join(CHECKOUT, 'local', 'venues', 'recordings');

export async function readRecordedCandles(): Promise<Candle[]> {
  const { recordings } = await loadRecordings(FOLDER);
  const candles: Candle[] = [];
  for (const recording of recordings.filter(({ venue }) => venue === 'binance-futures')) {
    const { base, quote, interval, count } = recording;
    const series = {
      exchange: 'recorded',
      marketType: 'perp',
      symbol: `${base}/${quote}`,
    } as const;
    for (const [time, open, high, low, close, volume] of readCells(recording, 0, count)) {
      const openTime = epochMs(Number(time));
      candles.push({
        ...series,
        interval,
        openTime,
        open: decimal(open ?? ''),
        high: decimal(high ?? ''),
        low: decimal(low ?? ''),
        close: decimal(close ?? ''),
        volume: volume === undefined || volume === '' ? null : decimal(volume),
        quoteVolume: null,
        trades: null,
        takerBuyBase: null,
        takerBuyQuote: null,
        isClosed: true,
        observedAt: epochMs(openTime + 60_000),
        source: 'bulk',
      });
    }
  }
  return candles;
}

/** The same candles as another exchange's. */
export function renamed(candles: readonly Candle[], exchange: string): Candle[] {
  return candles.map((candle) => ({ ...candle, exchange }));
}
