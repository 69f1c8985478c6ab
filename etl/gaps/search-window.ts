/**
 * Between which times a series can have gaps at all. In: a series, what was asked for. Out: a window,
 * or null where there is nothing to look at. It does not begin before the instrument was listed or
 * before what retention keeps, and ends a bar before the venue's now or at the delisting: what lies
 * outside is not a gap.
 */
import { calendarOf, type CalendarId, type ExpectedGrid } from '#core/calendar.ts';
import type { Series } from '#core/candle.ts';
import { nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, isEpochMs, type EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { VenueAdapter } from '../extract/venue.ts';
import { readFirstOpen } from '../load/read-first-open.ts';
import { readListing, type Listing } from '../load/read-listing.ts';
import type { TimeRange } from './settle.ts';

export interface WindowRequest {
  readonly pool: Pool;
  readonly adapter: Pick<VenueAdapter, 'findInstrument'>;
  readonly series: Series;
  readonly from: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
  /** Candles that open before this are dropped by retention; null where all are kept. */
  readonly retentionFloor: EpochMs | null;
  readonly venueNow: EpochMs;
  readonly signal?: AbortSignal | undefined;
}

/** A candle that has just closed is on its way, not missing, ms. */
const ON_ITS_WAY_MS = 60_000;
const MONTH_MS_MAX = 31 * 86_400_000;

/** @throws AppError WICK_ETL_UNSUPPORTED for an instrument that nobody knows; of the venue. */
export async function searchWindow(request: WindowRequest): Promise<TimeRange | null> {
  const { from, to, series, venueNow, retentionFloor } = request;
  const { listedAt, delistedAt } = await listingOf(request);
  const start = Math.max(from, listedAt ?? from, retentionFloor ?? from);
  const lastOver = venueNow - ON_ITS_WAY_MS - widthMax(series.interval);
  const end = Math.min(to, lastOver, delistedAt ?? to);
  if (start >= end || !isEpochMs(end)) return null;
  return { from: epochMs(start), to: end };
}

/**
 * The slots that the series' market has; of wide intervals they are where its candles are.
 * @param known the venue's calendar, where the venue says it.
 */
export async function gridOf(
  pool: Pool,
  series: Series,
  known: CalendarId | undefined,
): Promise<ExpectedGrid> {
  const { exchange, marketType, interval } = series;
  const calendar = known ?? calendarOf(exchange, marketType);
  if (interval !== '3d' && interval !== '1w') return { calendar, interval };
  return { calendar, interval, anchor: (await readFirstOpen(pool, series)) ?? undefined };
}

/** How long a candle lasts at most, ms. */
export function widthMax(interval: Interval): number {
  return interval === '1M' ? MONTH_MS_MAX : nominalWidthMs(interval);
}

/** From the catalogue; from the venue where the catalogue was not synchronised yet. */
async function listingOf({ pool, adapter, series, signal }: WindowRequest): Promise<Listing> {
  const known = await readListing(pool, series);
  if (known !== null) return known;
  const instrument = await adapter.findInstrument(series.symbol, signal);
  return { listedAt: instrument.onboardTime, delistedAt: instrument.delistTime };
}
