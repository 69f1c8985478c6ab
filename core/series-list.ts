/** The configured list of series. In: text. Out: typed series, or an error that names the bad part. */
import { MARKET_TYPES, seriesKey, type Series } from './candle.ts';
import { AppError } from './errors.ts';
import { isInterval } from './interval.ts';

/** What a series key looks like, for messages. */
export const SERIES_FORM =
  'exchange|market_type|symbol|interval, for example binance-futures|perp|BTC/USDT|1m';

/**
 * Parses comma-separated series keys; a series named twice counts once.
 * @param variable where the text stands, for messages.
 * @throws AppError WICK_CONFIG_INVALID naming the part and what it should look like.
 */
export function parseSeriesList(text: string, variable: string): Series[] {
  const series = new Map<string, Series>();
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const parsed = parseSeries(part);
    if (parsed === null) {
      throw new AppError('WICK_CONFIG_INVALID', `${variable}: "${part}" is not ${SERIES_FORM}`);
    }
    series.set(seriesKey(parsed), parsed);
  }
  if (series.size === 0) {
    throw new AppError('WICK_CONFIG_INVALID', `${variable} names no series; give ${SERIES_FORM}`);
  }
  return [...series.values()];
}

/** One series key; null where it is none. */
export function parseSeries(part: string): Series | null {
  const [exchange = '', market = '', symbol = '', interval = '', ...rest] = part.split('|');
  const marketType = MARKET_TYPES.find((type) => type === market);
  if (exchange === '' || marketType === undefined || rest.length > 0) return null;
  if (!/^[^/]+\/[^/]+$/.test(symbol) || !isInterval(interval)) return null;
  return { exchange, marketType, symbol, interval };
}
