/**
 * Notices that a series is now served from other recordings than before. The watermark of a series
 * says how far it was collected, not from what: with another file for the same series it would hide
 * everything earlier or different. In: what the venue serves, hashes of the last files. Out: the
 * series that must be read from their beginning. Reading again what is equal writes nothing.
 */
import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { ReplayStatus } from '../../local/venues/replay-status.ts';

export type RecordedSeries = ReplayStatus['series'][number];

/** SHA-256 of the file that each series was last read from, by series key. */
const Known = Type.Record(Type.String(), Type.String());

/** `exchange|market_type|symbol|interval` of a recorded series. */
export function recordedKey(series: RecordedSeries): string {
  return `${series.exchange}|${series.marketType}|${series.symbol}|${series.interval}`;
}

/** Series whose file is not the one that they were last read from, with all current hashes. */
export async function findChangedRecordings(
  knownFile: string,
  directory: string,
  series: readonly RecordedSeries[],
): Promise<{
  readonly changed: readonly RecordedSeries[];
  readonly hashes: ReadonlyMap<string, string>;
}> {
  const known = await readKnown(knownFile);
  const hashes = new Map(known);
  const changed: RecordedSeries[] = [];
  for (const one of series) {
    const bytes = await readFile(join(directory, one.file));
    const hash = createHash('sha256').update(bytes).digest('hex');
    const key = recordedKey(one);
    if (known.get(key) !== hash) changed.push(one);
    hashes.set(key, hash);
  }
  return { changed, hashes };
}

/** Remembers what the series were read from; call it once they were. */
export async function rememberRecordings(
  knownFile: string,
  hashes: ReadonlyMap<string, string>,
): Promise<void> {
  const staging = `${knownFile}.${process.pid}`;
  await writeFile(staging, `${JSON.stringify(Object.fromEntries(hashes))}\n`);
  await rename(staging, knownFile);
}

/** A file that is absent or damaged knows nothing: then everything is read again. */
async function readKnown(path: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  let json: unknown = {};
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new Map(Value.Check(Known, json) ? Object.entries(json) : []);
}
