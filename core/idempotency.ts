/**
 * What one evaluation is called everywhere: by the candle that it is about. In: a candle's key. Out: the text
 * whose SHA-256, as 64 hex digits, names its features and its signal. Whoever hashes it does so outside:
 * core knows no node module.
 */
import { seriesKey, type CandleKey } from './candle.ts';

/** `exchange|market_type|symbol|interval|open time in epoch ms` */
export function idempotencyText(key: CandleKey): string {
  return `${seriesKey(key)}|${key.openTime}`;
}
