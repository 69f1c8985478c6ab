/** How the analyzer fetches. In: nothing. Out: settings that the benches share. */

/** How much a fetch brings; the benches' bare consumers fetch alike. */
export const CONSUMER_FETCH = {
  maxWaitTimeInMs: 100,
  minBytes: 1,
  maxBytesPerPartition: 4 * 1024 * 1024,
} as const;
export const PARTITIONS_AT_ONCE = 12;
