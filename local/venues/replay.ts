/**
 * The replay of a folder of recordings: where its clock begins and ends, and what is said of it. In:
 * recordings. Out: a running clock; with `once` it stands at the end, when everything is over.
 */
import { createHash } from 'node:crypto';
import { nominalWidthMs } from '#core/interval.ts';
import { epochMs, formatInstant, type Clock, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import { endOf, startOf, type Recording } from './recording.ts';
import type { RejectedFile } from './recordings-folder.ts';
import { createReplayClock, type ReplayClock } from './replay-clock.ts';
import type { ReplayStatus } from './replay-status.ts';
import { marketTypeOf } from './venue-id.ts';

export interface ReplayOptions {
  readonly mode?: 'once' | 'live' | undefined;
  readonly speed?: number | undefined;
  readonly clockFile?: string | undefined;
  readonly logger: Logger;
}

export const REPLAY_SPEED_DEFAULT = 60;
const REPLAYED_MS = 24 * 60 * 60 * 1000;

/** The clock that all recorded venues share. */
export function openReplay(
  recordings: readonly Recording[],
  { mode, speed, clockFile, logger }: ReplayOptions,
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

/** What `GET /replay` says. */
export function describeReplay(
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
