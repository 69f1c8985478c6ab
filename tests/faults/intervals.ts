/** The intervals that the fault workload writes, and how long each lasts, ms. */
export const INTERVAL_MS = { '1m': 60_000, '5m': 300_000, '1h': 3_600_000 } as const;
export type WorkInterval = keyof typeof INTERVAL_MS;
