/** The edge of the ETL: what the scheduler and the command line may use of it, and nothing else. */
export { unsupported } from './extract/catalogue.ts';
export { createSharedLimits, type SharedLimits } from './extract/limits-shared.ts';
export {
  listVenueIds,
  mapperOf,
  openVenue,
  parseVenueId,
  VENUE_IDS,
  type VenueId,
} from './extract/registry.ts';
export type { VenueMapper } from './extract/mapper.ts';
export type { CandleCost, VenueAdapter } from './extract/venue.ts';
export { parseDay } from './extract/web/day-format.ts';
export { parseDeclaration } from './extract/web/html-table/declaration.ts';
export { tryPage } from './extract/web/html-table/try-page.ts';
export { ingest, type IngestReport } from './ingest.ts';
export { readCoverage, markChunk, type Coverage } from './load/backfill-chunks.ts';
export { abandonRuns } from './load/abandon-runs.ts';
export { normalize } from './normalize.ts';
export { readRecentStart } from './load/read-recent-start.ts';
export { readWatermark } from './load/read-watermark.ts';
export { selectSymbols } from './load/select-series.ts';
export { isRevised } from './revised.ts';
export { fillGaps, type FillReport } from './gaps/fill-gaps.ts';
export { loadHalts, type KnownHalt } from './gaps/known-halts.ts';
export { previewSurvey, surveyGaps, type GapReport, type SurveyPreview } from './gaps/survey.ts';
export { ingestFunding, type FundingReport } from './ingest-funding.ts';
export { syncCatalogue, type CatalogueReport } from './sync-catalogue.ts';
export { QUARANTINE_REASONS } from './extract/reject.ts';
export {
  listCollected,
  listGaps,
  listSeries,
  type ListedGap,
  type SeriesChoice,
} from './gaps/list-gaps.ts';
export { listQuarantine, type QuarantinedCandle } from './quarantine/list-quarantine.ts';
export { keepHouse, RAW_DAYS_MIN, type Retention } from './retention/keep-house.ts';
export { redriveQuarantine, type RedriveReport } from './quarantine/redrive.ts';
export { askedWindow } from './gaps/asked-window.ts';
export { listStoredSeries, type StoredName } from './load/list-stored-series.ts';
export { readListing } from './load/read-listing.ts';
export { readNewestFunding } from './load/upsert-funding.ts';
export { moveAnchor } from './load/set-anchors.ts';
