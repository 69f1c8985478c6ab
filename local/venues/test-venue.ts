/**
 * Recorded venues for tests at the wire: in memory of one test, with a stepped replay clock and a
 * stepped wall clock. In: where the replay stands. Out: the venues and a way to ask them. `close` ends
 * the server.
 */
import { pino } from 'pino';
import { parseInstant } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import {
  createRecordedVenue,
  type RecordedVenue,
  type RecordedVenueOptions,
} from './recorded-venue.ts';
import type { VenueId } from './venue-id.ts';

const TIMEOUT_MS = 5_000;
const WALL_START = '2026-01-01T00:00:30Z';

export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface TestVenue {
  readonly venue: RecordedVenue;
  readonly clock: ReturnType<typeof createManualClock>;
  readonly wallClock: ReturnType<typeof createManualClock>;
  /** GET below the venue's root, or POST where there is a body. */
  ask(venue: VenueId, path: string, post?: unknown): Promise<WireAnswer>;
  close(): Promise<void>;
}

/** @param now the replay's now, ISO 8601 */
export async function openTestVenue(
  now: string,
  options: Partial<RecordedVenueOptions> = {},
): Promise<TestVenue> {
  const clock = createManualClock(parseInstant(now));
  const wallClock = createManualClock(parseInstant(WALL_START));
  const logger = pino({ level: 'silent' });
  const venue = await createRecordedVenue({ clock, wallClock, logger, ...options });
  const ask = async (id: VenueId, path: string, post?: unknown): Promise<WireAnswer> => {
    const response = await fetch(venue.urls[id].baseUrl + path, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(post === undefined ? {} : { method: 'POST', body: JSON.stringify(post) }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { venue, clock, wallClock, ask, close: async () => venue.close() };
}
