/** The edge of the ETL: what the scheduler and the command line may use of it, and nothing else. */
export { createSharedLimits } from './extract/limits-shared.ts';
export { mapperOf, openVenue, parseVenueId } from './extract/registry.ts';
export type { VenueAdapter } from './extract/venue.ts';
export { ingest } from './ingest.ts';
export { abandonRuns } from './load/abandon-runs.ts';
export { normalize } from './normalize.ts';
export { readRecentStart } from './load/read-recent-start.ts';
export { readWatermark } from './load/read-watermark.ts';
export { isRevised } from './revised.ts';
