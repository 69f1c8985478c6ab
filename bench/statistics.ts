/** Order statistics of measured numbers. In: samples, any order. Out: median, range, percentiles. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** @throws RangeError without samples. */
export function spreadOf(samples: readonly number[]): Spread {
  return {
    median: percentile(samples, 0.5),
    min: Math.min(...samples),
    max: Math.max(...samples),
    runs: samples.length,
  };
}

/**
 * The value below which the share `rank` (0 to 1) of the samples lies, between neighbours by
 * straight line. @throws RangeError without samples.
 */
export function percentile(samples: readonly number[], rank: number): number {
  if (samples.length === 0) throw new RangeError('no samples to take a percentile of');
  const sorted = Float64Array.from(samples).sort();
  const at = rank * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  const high = sorted[Math.ceil(at)]!;
  return low + (high - low) * (at - Math.floor(at));
}
