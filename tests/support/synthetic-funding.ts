/**
 * SYNTHETIC funding payments, for a venue whose real ones may not be bundled: nobody ever paid them. In:
 * a start and a seed. Out: the text of a recording.
 */

const HOUR = 3_600_000;

/** @param count hourly payments from `start` on, each some ms past its hour. */
export function syntheticFunding(start: number, count: number, seed: number): string {
  let state = seed;
  const next = (): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648);
  const rows = Array.from({ length: count }, (_, index) => {
    const time = start + index * HOUR + (next() % 90);
    return `${time},0.${String(next() % 100_000).padStart(10, '0')},,-0.000${next() % 10_000}`;
  });
  return `timestamp_ms,rate,mark_price,premium\n${rows.join('\n')}\n`;
}
