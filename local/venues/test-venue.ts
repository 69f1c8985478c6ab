/**
 * Recorded venues for tests at the wire: in memory of one test, with a stepped replay clock and a
 * stepped wall clock. In: where the replay stands. Out: the venues and a way to ask them. `close` ends
 * the server.
 */
import { once } from 'node:events';
import { pino } from 'pino';
import { WebSocket, type RawData } from 'ws';
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

/** A client of a stream that keeps what it hears. */
export interface TestStream {
  /** The next frame that was not taken yet. */
  next(): Promise<string>;
  /** The next frame as JSON. */
  nextJson(): Promise<unknown>;
  /** Frames that were heard and not taken. */
  waiting(): readonly string[];
  send(frame: unknown): void;
  /** Resolves when all that the venue has sent so far was heard: its answer to a ping comes after. */
  settle(): Promise<void>;
  /** Resolves with the code once the connection is closed; 1006 where it was cut. */
  readonly closed: Promise<number>;
}

export interface TestVenue {
  readonly venue: RecordedVenue;
  readonly clock: ReturnType<typeof createManualClock>;
  readonly wallClock: ReturnType<typeof createManualClock>;
  /** GET below the venue's root, or POST where there is a body. */
  ask(venue: VenueId, path: string, post?: unknown): Promise<WireAnswer>;
  /** Connects below the venue's stream root. @throws where the venue refuses. */
  connect(venue: VenueId, path?: string): Promise<TestStream>;
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
  const connect = async (id: VenueId, path = ''): Promise<TestStream> =>
    openStream(venue.urls[id].streamUrl + path);
  return { venue, clock, wallClock, ask, connect, close: async () => venue.close() };
}

async function openStream(url: string): Promise<TestStream> {
  const socket = new WebSocket(url, { handshakeTimeout: TIMEOUT_MS });
  const heard: string[] = [];
  const listeners: (() => void)[] = [];
  socket.on('message', (data: RawData) => {
    heard.push(data instanceof Buffer ? data.toString('utf8') : '');
    listeners.shift()?.();
  });
  const closed = new Promise<number>((resolve) => {
    socket.on('close', resolve);
  });
  await once(socket, 'open', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const next = async (): Promise<string> => {
    if (heard.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`nothing was heard within ${TIMEOUT_MS} ms`));
        }, TIMEOUT_MS);
        listeners.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return heard.shift() ?? '';
  };
  return {
    next,
    nextJson: async () => JSON.parse(await next()) as unknown,
    waiting: () => heard,
    send: (frame) => {
      socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    },
    settle: async () => {
      socket.ping();
      await once(socket, 'pong', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    },
    closed,
  };
}
