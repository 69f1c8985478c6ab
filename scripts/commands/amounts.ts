/** Amounts as people read them: with their noun, digits in groups, bytes in the unit that fits. */

/** @param noun in the singular. `1 candle`, `12,000 candles` */
export function amount(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`;
}

/** `13 KiB`, `1.7 MiB` */
export function describeBytes(bytes: number): string {
  const kib = bytes / 1024;
  return kib < 1024 ? `${Math.round(kib)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}
