/**
 * `wick normalize`: a raw payload of a venue in, canonical rows as JSON lines on stdout, what was
 * rejected as JSON lines on stderr. No stack, no network, no configuration.
 */
import { once } from 'node:events';
import { AppError, errorText } from '#core/errors.ts';
import { parseInstant, type EpochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { mapperOf, normalize as normalizeText, parseVenueId } from '../../etl/index.ts';
import type { NormalizeFlags } from './flags.ts';
import { readBounded } from './read-bounded.ts';

/** @returns 1 where anything was rejected. */
export async function normalize(file: string, flags: NormalizeFlags): Promise<number> {
  const mapper = mapperOf(parseVenueId(flags.exchange));
  const now = flags.now === undefined ? systemClock.now() : parseNow(flags.now);
  const text = await readText(file);
  const { kind, symbol = null, tf: interval = null } = flags;
  const found = normalizeText({ mapper, kind, text, symbol, interval, now });
  await write(process.stderr, [...found.rejects, ...found.leftOut]);
  await write(process.stdout, found.rows);
  return found.rejects.length > 0 ? 1 : 0;
}

/** Waits until all of it is written: the process ends right after. */
async function write(stream: NodeJS.WriteStream, rows: readonly unknown[]): Promise<void> {
  if (rows.length === 0) return;
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (!stream.write(text)) await once(stream, 'drain');
}

function parseNow(text: string): EpochMs {
  try {
    return parseInstant(text);
  } catch (error) {
    throw new AppError('WICK_USAGE', `--now: ${errorText(error)}`, { cause: error });
  }
}

async function readText(file: string): Promise<string> {
  const bytes = await readBounded(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new AppError('WICK_USAGE', `"${file}" is not UTF-8 text`, { cause: error });
  }
}
