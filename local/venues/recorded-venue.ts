/**
 * The recorded venue: a server on 127.0.0.1 that plays recorded candles through a venue's own wire
 * format, so that the ETL cannot tell it from the venue. In: a folder of candle CSVs. Out: the
 * Binance USD-M REST surface and `GET /replay`. It stores nothing but the replay position.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import Fastify from 'fastify';
import { AppError } from '#core/errors.ts';
import { nominalWidthMs } from '#core/interval.ts';
import { epochMs, formatInstant, type Clock, type EpochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { addBinanceFutures } from './binance-futures/routes.ts';
import { createFaultLine, type FaultLine } from './faults.ts';
import { loadRecordings, type RejectedFile } from './recordings-folder.ts';
import { endOf, startOf, type Recording } from './recording.ts';
import { createReplayClock, type ReplayClock } from './replay-clock.ts';
import { REPLAY_STATUS, type ReplayStatus } from './replay-status.ts';

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
  /** Request weight per wall-clock minute. */
  readonly weightLimit?: number | undefined;
  /** Over-limit requests in one minute before the ban. */
  readonly refusalsMax?: number | undefined;
  /** What weights are counted on. */
  readonly wallClock?: Clock | undefined;
  readonly logger: Logger;
}

export interface RecordedVenue {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly faults: FaultLine;
  status(): ReplayStatus;
  close(): Promise<void>;
}

export const RECORDINGS_DIRECTORY = join(import.meta.dirname, 'recordings');
export const REPLAY_SPEED_DEFAULT = 60;
/** Binance's own limit per address. */
export const WEIGHT_LIMIT_DEFAULT = 2_400;

const REPLAYED_MS = 24 * 60 * 60 * 1000;

/**
 * Starts the venue; it answers when the promise resolves.
 * @throws AppError WICK_LOCAL_RECORDING_INVALID where the folder holds no usable recording.
 */
export async function createRecordedVenue(options: RecordedVenueOptions): Promise<RecordedVenue> {
  const directory = options.directory ?? RECORDINGS_DIRECTORY;
  const { recordings, rejected } = await loadRecordings(directory);
  for (const file of rejected) options.logger.warn(file, 'a recording is left out');
  if (recordings.length === 0) throw noRecordings(directory, rejected);
  const replay = openReplay(recordings, options);
  const faults = createFaultLine();
  const clock = options.clock ?? replay;
  const status = (): ReplayStatus => describeReplay(recordings, rejected, replay, clock);

  const server = Fastify({ logger: false, forceCloseConnections: true });
  server.get('/replay', { schema: { response: { 200: REPLAY_STATUS } } }, () => status());
  addBinanceFutures(server, {
    recordings,
    clock,
    faults,
    wallClock: options.wallClock ?? systemClock,
    weightLimit: options.weightLimit ?? WEIGHT_LIMIT_DEFAULT,
    refusalsMax: options.refusalsMax,
  });
  const close = async (): Promise<void> => {
    replay.close();
    await server.close();
  };
  try {
    const url = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    return { url, port: Number(new URL(url).port), faults, status, close };
  } catch (error) {
    await close();
    throw error;
  }
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
 * A day before the first of the most finely recorded series ends, so that all of them move; never
 * before the middle of that series, so that there is history to load first.
 */
function replayStart(recordings: readonly Recording[]): EpochMs {
  const finest = Math.min(...recordings.map((each) => nominalWidthMs(each.interval)));
  const starts = recordings
    .filter((each) => nominalWidthMs(each.interval) === finest)
    .map((each) => ({ end: endOf(each), middle: (startOf(each) + endOf(each)) / 2 }))
    .sort((a, b) => a.end - b.end);
  const [first] = starts;
  return epochMs(Math.floor(Math.max((first?.end ?? 0) - REPLAYED_MS, first?.middle ?? 0)));
}

function identify(recordings: readonly Recording[]): string {
  const hash = createHash('sha256');
  for (const each of recordings) {
    const series = `${each.base}/${each.quote}|${each.interval}`;
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
      exchange: 'binance-futures',
      marketType: 'perp',
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
