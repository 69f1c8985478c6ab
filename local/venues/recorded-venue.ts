/**
 * The recorded venues: one server on 127.0.0.1 that plays recorded candles through the wire formats
 * of all venues, so that the ETL cannot tell it from them. In: a folder of candle CSVs. Out: each
 * venue's REST surface below `/<venue>`, and `GET /replay`. One replay clock is every venue's now. It
 * stores nothing but the replay position.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { AppError } from '#core/errors.ts';
import { nominalWidthMs } from '#core/interval.ts';
import { epochMs, formatInstant, type Clock, type EpochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { createAmendments } from './amendments.ts';
import { FUTURES, SPOT } from './binance/product.ts';
import { addBinance } from './binance/routes.ts';
import { COINBASE_REQUESTS_PER_SECOND } from './coinbase/request-limit.ts';
import { addCoinbase } from './coinbase/routes.ts';
import { createFaultLine } from './faults.ts';
import { addHyperliquid, HYPERLIQUID_WEIGHT_LIMIT } from './hyperliquid/routes.ts';
import { createMarket, type Market } from './market.ts';
import { loadRecordings, type RecordingsFolder, type RejectedFile } from './recordings-folder.ts';
import { endOf, startOf, type Recording } from './recording.ts';
import { createReplayClock, type ReplayClock } from './replay-clock.ts';
import { REPLAY_STATUS, type ReplayStatus } from './replay-status.ts';
import type { VenueFaults } from './venue-faults.ts';
import { marketTypeOf, venueUrls, type VenueId, type VenueUrls } from './venue-id.ts';

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
  readonly logger: Logger;
}

export interface RecordedVenue {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, the root of `/replay`. */
  readonly url: string;
  /** Where each venue is. */
  readonly urls: Readonly<Record<VenueId, VenueUrls>>;
  readonly faults: Readonly<Record<VenueId, VenueFaults>>;
  status(): ReplayStatus;
  close(): Promise<void>;
}

export const RECORDINGS_DIRECTORY = join(import.meta.dirname, 'recordings');
export const REPLAY_SPEED_DEFAULT = 60;

const REPLAYED_MS = 24 * 60 * 60 * 1000;

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
  const venues = openVenues(folder, clock);

  const server = Fastify({ logger: false, forceCloseConnections: true });
  server.get('/replay', { schema: { response: { 200: REPLAY_STATUS } } }, () => status());
  addVenues(server, venues, options);
  const close = async (): Promise<void> => {
    replay.close();
    await server.close();
  };
  try {
    const url = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    const { host, port } = new URL(url);
    const faults = mapVenues((venue) => venues[venue].faults);
    return { url, port: Number(port), urls: venueUrls(host), faults, status, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface OpenVenue {
  readonly market: Market;
  readonly faults: VenueFaults;
}
type OpenVenues = Readonly<Record<VenueId, OpenVenue>>;

function openVenues({ recordings, funding }: RecordingsFolder, clock: Clock): OpenVenues {
  return mapVenues((venue) => {
    const amendments = createAmendments();
    const line = createFaultLine();
    const clear = (): void => {
      line.clear();
      amendments.clear();
    };
    return {
      market: createMarket({ venue, recordings, funding, amendments, clock }),
      faults: {
        ...line,
        amend: (...each) => {
          amendments.amend(...each);
        },
        amended: () => amendments.count(),
        clear,
      },
    };
  });
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
  options: RecordedVenueOptions,
): void {
  const { weightLimit, refusalsMax } = options;
  const wallClock = options.wallClock ?? systemClock;
  for (const product of [FUTURES, SPOT]) {
    addBinance(server, {
      ...venues[product.venue],
      product,
      wallClock,
      weightLimit: weightLimit ?? product.weightLimit,
      refusalsMax,
    });
  }
  addHyperliquid(server, {
    ...venues.hyperliquid,
    wallClock,
    weightLimit: weightLimit ?? HYPERLIQUID_WEIGHT_LIMIT,
  });
  addCoinbase(server, {
    ...venues.coinbase,
    wallClock,
    requestsPerSecond: options.requestLimit ?? COINBASE_REQUESTS_PER_SECOND,
  });
}

function openReplay(
  recordings: readonly Recording[],
  { mode, speed, clockFile, logger }: RecordedVenueOptions,
): ReplayClock {
  const end = epochMs(Math.max(...recordings.map((each) => endOf(each))));
  const once = mode === 'once';
  const clock = createReplayClock({
    start: once ? end : replayStart(recordings),
    end,
    speed: once ? 0 : (speed ?? REPLAY_SPEED_DEFAULT),
    file: clockFile,
    recordingsId: identify(recordings),
    logger,
  });
  const times = { now: formatInstant(clock.now()), end: formatInstant(end), speed: clock.speed };
  logger.info({ series: recordings.length, ...times }, 'recordings are loaded');
  return clock;
}

/**
 * Of the venue that was recorded last: a day before the first of its most finely recorded series ends,
 * so that all of them move; never before the middle of that series, so that there is history to load
 * first.
 */
function replayStart(recordings: readonly Recording[]): EpochMs {
  const last = recordings.toSorted((a, b) => endOf(b) - endOf(a))[0]?.venue;
  const leading = recordings.filter(({ venue }) => venue === last);
  const finest = Math.min(...leading.map((each) => nominalWidthMs(each.interval)));
  const starts = leading
    .filter((each) => nominalWidthMs(each.interval) === finest)
    .map((each) => ({ end: endOf(each), middle: (startOf(each) + endOf(each)) / 2 }))
    .sort((a, b) => a.end - b.end);
  const [first] = starts;
  return epochMs(Math.floor(Math.max((first?.end ?? 0) - REPLAYED_MS, first?.middle ?? 0)));
}

function identify(recordings: readonly Recording[]): string {
  const hash = createHash('sha256');
  for (const each of recordings) {
    const series = `${each.venue}|${each.base}/${each.quote}|${each.interval}`;
    hash.update(`${series}|${each.count}|${startOf(each)}|${endOf(each)}\n`);
  }
  return hash.digest('hex');
}

function describeReplay(
  recordings: readonly Recording[],
  rejected: readonly RejectedFile[],
  replay: ReplayClock,
  clock: Clock,
): ReplayStatus {
  const now = clock.now();
  return {
    now,
    start: replay.start,
    end: replay.end,
    speed: replay.speed,
    exhausted: now >= replay.end,
    series: recordings.map((each) => ({
      exchange: each.venue,
      marketType: marketTypeOf(each.venue),
      symbol: `${each.base}/${each.quote}`,
      interval: each.interval,
      file: each.file,
      candles: each.count,
      from: startOf(each),
      to: endOf(each),
    })),
    rejected: rejected.map((each) => ({ ...each })),
  };
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
