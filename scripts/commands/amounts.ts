/** Amounts as people read them: with their noun, digits in groups, bytes in the unit that fits. */

/** `12,000` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** @param noun in the singular. `1 candle`, `12,000 candles` */
export function amount(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

/** For people: zero candles are the venue's answer, not a fault on the way. */
export const NOTHING_THERE = 'the venue answered, and has no candle in this range\n';

/** `7 bytes`, `13 KiB`, `1.7 MiB` */
export function describeBytes(bytes: number): string {
  if (bytes < 1024) return amount(bytes, 'byte');
  const kib = bytes / 1024;
  return kib < 1024 ? `${Math.round(kib)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}
