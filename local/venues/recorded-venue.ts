/**
 * The recorded venues: one server on 127.0.0.1 that plays recorded candles through the wire formats
 * of all venues, so that the ETL cannot tell it from them. In: a folder of candle CSVs. Out: each
 * venue's REST and streams below `/<venue>`, `GET /replay`, `/faults` and recorded web pages. One
 * replay clock is every venue's now. It stores nothing but the replay position.
 */
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { createAmendments, type Amendments } from './amendments.ts';
import { FUTURES, SPOT } from './binance/product.ts';
import { addBinance } from './binance/routes.ts';
import { createBinanceProtocol } from './binance/stream.ts';
import { COINBASE_REQUESTS_PER_SECOND } from './coinbase/request-limit.ts';
import { addCoinbase } from './coinbase/routes.ts';
import { COINBASE_PROTOCOL } from './coinbase/stream.ts';
import { addFaultRoutes } from './fault-routes.ts';
import { createFaultLine, type FaultLine } from './faults.ts';
import { addHyperliquid, HYPERLIQUID_WEIGHT_LIMIT } from './hyperliquid/routes.ts';
import { HYPERLIQUID_PROTOCOL } from './hyperliquid/stream.ts';
import { createMarket, type Market } from './market.ts';
import { loadRecordings, type RecordingsFolder, type RejectedFile } from './recordings-folder.ts';
import { describeReplay, openReplay } from './replay.ts';
import { REPLAY_STATUS, type ReplayStatus } from './replay-status.ts';
import type { StreamProtocol } from './stream/conversation.ts';
import { createStreamFaultLine } from './stream/stream-faults.ts';
import { attachStreams, type StreamServer, type StreamVenue } from './stream/stream-server.ts';
import type { VenueFaults } from './venue-faults.ts';
import { venueUrls, type VenueId, type VenueUrls } from './venue-id.ts';
import { addWebPages } from './web-pages.ts';

export interface RecordedVenueOptions {
  /** Folder of candle CSVs; the bundled recordings by default. */
  readonly directory?: string | undefined;
  /** 0 takes any free port. */
  readonly port?: number | undefined;
  /** `once`: everything recorded is over and the clock stands. `live`: the last day is replayed. */
  readonly mode?: 'once' | 'live' | undefined;
  /** Replayed milliseconds for each elapsed one, in `live` mode. */
  readonly speed?: number | undefined;
  /** Where the replay position survives a restart. */
  readonly clockFile?: string | undefined;
  /** Replaces the replay clock; for tests that step it. */
  readonly clock?: Clock | undefined;
  /** Weight per wall-clock minute of the venues that weigh; each venue's own by default. */
  readonly weightLimit?: number | undefined;
  /** Requests per second to Coinbase; Infinity switches the limit off. */
  readonly requestLimit?: number | undefined;
  /** Over-limit requests in one minute before Binance's ban. */
  readonly refusalsMax?: number | undefined;
  /** What limits are counted on. */
  readonly wallClock?: Clock | undefined;
  /** Folder of recorded web pages, served below `/web`; none by default. */
  readonly webDirectory?: string | undefined;
  readonly logger: Logger;
}

export interface RecordedVenue {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, the root of `/replay`. */
  readonly url: string;
  /** Where each venue is. */
  readonly urls: Readonly<Record<VenueId, VenueUrls>>;
  readonly faults: Readonly<Record<VenueId, VenueFaults>>;
  /** Tells the streams what is new; with a clock of one's own nothing else does. */
  tick(): void;
  status(): ReplayStatus;
  close(): Promise<void>;
}

export const RECORDINGS_DIRECTORY = join(import.meta.dirname, 'recordings');
/** Recorded web pages, one folder a source. */
export const PAGES_DIRECTORY = join(import.meta.dirname, 'pages');
/** Each series tells at most twice a beat: four frames a second. */
const BEAT_MS = 500;

/**
 * Starts the venues; they answer when the promise resolves.
 * @throws AppError WICK_LOCAL_RECORDING_INVALID where the folder holds no usable recording.
 */
export async function createRecordedVenue(options: RecordedVenueOptions): Promise<RecordedVenue> {
  const directory = options.directory ?? RECORDINGS_DIRECTORY;
  const folder = await loadRecordings(directory);
  const { recordings, rejected } = folder;
  for (const file of rejected) options.logger.warn(file, 'a recording is left out');
  if (recordings.length === 0) throw noRecordings(directory, rejected);
  const replay = openReplay(recordings, options);
  const clock = options.clock ?? replay;
  const status = (): ReplayStatus => describeReplay(recordings, rejected, replay, clock);
  const wallClock = options.wallClock ?? systemClock;
  const venues = openVenues(folder, clock);
  const server = Fastify({ logger: false, forceCloseConnections: true });
  const streams = attachStreams({
    server: server.server,
    venues,
    wallClock,
    logger: options.logger,
  });
  const faults = mapVenues((venue) => switchesOf(venue, venues[venue], streams));
  server.get('/replay', { schema: { response: { 200: REPLAY_STATUS } } }, () => status());
  addVenues(server, venues, wallClock, options);
  addFaultRoutes(server, faults);
  if (options.webDirectory !== undefined) addWebPages(server, options.webDirectory);
  const tick = (): void => {
    streams.tick();
  };
  const beat = options.clock === undefined ? setInterval(tick, BEAT_MS) : undefined;
  const close = async (): Promise<void> => {
    clearInterval(beat);
    replay.close();
    streams.close();
    await server.close();
  };
  try {
    const url = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    const { host, port } = new URL(url);
    const urls = venueUrls(host);
    return { url, port: Number(port), urls, faults, tick, status, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface OpenVenue extends StreamVenue {
  readonly amendments: Amendments;
  readonly line: FaultLine;
}
type OpenVenues = Readonly<Record<VenueId, OpenVenue>>;

const PROTOCOLS: Readonly<Record<VenueId, StreamProtocol>> = {
  'binance-futures': createBinanceProtocol(FUTURES),
  'binance-spot': createBinanceProtocol(SPOT),
  coinbase: COINBASE_PROTOCOL,
  hyperliquid: HYPERLIQUID_PROTOCOL,
};

function openVenues({ recordings, funding }: RecordingsFolder, clock: Clock): OpenVenues {
  return mapVenues((venue) => {
    const amendments = createAmendments();
    return {
      amendments,
      line: createFaultLine(),
      faults: createStreamFaultLine(),
      protocol: PROTOCOLS[venue],
      market: createMarket({ venue, recordings, funding, amendments, clock }),
    };
  });
}

function switchesOf(
  venue: VenueId,
  { line, amendments, faults }: OpenVenue,
  streams: StreamServer,
): VenueFaults {
  return {
    ...line,
    amend: (...each) => {
      amendments.amend(...each);
    },
    strike: (...each) => each.reduce((sum, fault) => sum + streams.strike(venue, fault), 0),
    state: () => ({
      requests: line.pending(),
      amendments: amendments.count(),
      streams: faults.pending(),
    }),
    clear: () => {
      line.clear();
      amendments.clear();
      faults.clear();
    },
  };
}

function mapVenues<T>(of: (venue: VenueId) => T): Readonly<Record<VenueId, T>> {
  return {
    'binance-futures': of('binance-futures'),
    'binance-spot': of('binance-spot'),
    coinbase: of('coinbase'),
    hyperliquid: of('hyperliquid'),
  };
}

function addVenues(
  server: FastifyInstance,
  venues: OpenVenues,
  wallClock: Clock,
  options: RecordedVenueOptions,
): void {
  const { weightLimit, refusalsMax } = options;
  const partsOf = (venue: VenueId): { readonly market: Market; readonly faults: FaultLine } => ({
    market: venues[venue].market,
    faults: venues[venue].line,
  });
  for (const product of [FUTURES, SPOT]) {
    addBinance(server, {
      ...partsOf(product.venue),
      product,
      wallClock,
      weightLimit: weightLimit ?? product.weightLimit,
      refusalsMax,
    });
  }
  addHyperliquid(server, {
    ...partsOf('hyperliquid'),
    wallClock,
    weightLimit: weightLimit ?? HYPERLIQUID_WEIGHT_LIMIT,
  });
  addCoinbase(server, {
    ...partsOf('coinbase'),
    wallClock,
    requestsPerSecond: options.requestLimit ?? COINBASE_REQUESTS_PER_SECOND,
  });
}

function noRecordings(directory: string, rejected: readonly RejectedFile[]): AppError {
  const shown = rejected.slice(0, 10).map(({ file, reason }) => `${file}: ${reason}`);
  const why = shown.length === 0 ? 'it is empty' : shown.join('; ');
  return new AppError(
    'WICK_LOCAL_RECORDING_INVALID',
    `the folder "${directory}" holds no usable recording (${why})`,
    { details: { directory, rejected } },
  );
}
