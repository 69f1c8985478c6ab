/**
 * The recorded venue's "now". It runs from a start at a multiple of elapsed time and stands still at
 * the end. With a clock file the position survives a restart and never goes back: each write
 * reserves a little time ahead, and no time beyond the reserved one is ever told.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { errorText } from '#core/errors.ts';
import { epochMs, formatInstant, type Clock, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';

export interface ReplayClock extends Clock {
  readonly start: EpochMs;
  readonly end: EpochMs;
  /** Replayed milliseconds for each elapsed one. */
  readonly speed: number;
  /** True once all that was recorded is over. */
  exhausted(): boolean;
  close(): void;
}

export interface ReplayClockOptions {
  readonly start: EpochMs;
  readonly end: EpochMs;
  readonly speed: number;
  /** Where the position is kept; without it each start begins anew. */
  readonly file?: string | undefined;
  /** Which recordings the position belongs to; a position of others is not taken over. */
  readonly recordingsId: string;
  readonly logger: Logger;
  /** Milliseconds on a clock that never goes back; its zero does not matter. */
  readonly elapsedMs?: () => number;
}

const SAVE_EVERY_MS = 1_000;
/** How far ahead of the last write the clock may run, in elapsed time. */
const RESERVED_MS = 3_000;

const POSITION = Type.Object({ now: Type.Integer(), recordings: Type.String() });

/** A running replay clock; `close()` stops it and saves where it stands. */
export function createReplayClock(options: ReplayClockOptions): ReplayClock {
  const { end, speed, logger, file } = options;
  const elapsedMs = options.elapsedMs ?? (() => performance.now());
  const resumed = speed === 0 ? null : readPosition(options);
  const start = epochMs(Math.min(end, resumed ?? options.start));
  const began = elapsedMs();
  /** What the file holds; null before the first write. */
  let saved: EpochMs | null = null;
  let announced = false;
  let failing = false;

  const running = (): number => Math.min(end, start + Math.floor((elapsedMs() - began) * speed));
  const now = (): EpochMs =>
    epochMs(file === undefined ? running() : Math.min(running(), saved ?? start));

  const save = (position: EpochMs): void => {
    if (file === undefined || position === saved) return;
    try {
      writePosition(file, { now: position, recordings: options.recordingsId });
      saved = position;
      failing = false;
    } catch (error) {
      if (!failing) {
        logger.error(
          { file, reason: errorText(error) },
          'the replay position cannot be saved; the replay clock stands still until it can',
        );
      }
      failing = true;
    }
  };
  const tick = (): void => {
    save(epochMs(Math.min(end, running() + Math.ceil(RESERVED_MS * speed))));
    if (announced || speed === 0 || now() < end) return;
    announced = true;
    logger.info(
      { end: formatInstant(end) },
      'the recording is over; the replay clock stands still',
    );
  };
  const close = (): void => {
    clearInterval(timer);
    save(now());
  };

  tick();
  const timer = setInterval(tick, SAVE_EVERY_MS);
  timer.unref();
  return { start, end, speed, now, exhausted: () => now() >= end, close };
}

function readPosition({ file, recordingsId, logger }: ReplayClockOptions): number | null {
  if (file === undefined) return null;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const position = parsePosition(text);
  if (position === null) {
    logger.warn({ file }, 'the replay position is unreadable; the replay begins anew');
    return null;
  }
  if (position.recordings === recordingsId) return position.now;
  logger.info({ file }, 'the replay position belongs to other recordings; the replay begins anew');
  return null;
}

function parsePosition(text: string): { now: EpochMs; recordings: string } | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!Value.Check(POSITION, value)) return null;
    return { now: epochMs(value.now), recordings: value.recordings };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}

function writePosition(file: string, position: { now: number; recordings: string }): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(position)}\n`);
  renameSync(`${file}.new`, file);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
