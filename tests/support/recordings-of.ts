/**
 * The bundled recordings of one venue alone, in a folder of their own, so that a test loads no others.
 * In: the venue, and files to lie beside them. Out: a folder that the recorded venue reads.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RECORDINGS_DIRECTORY } from '../../local/venues/recorded-venue.ts';
import type { VenueId } from '../../local/venues/venue-id.ts';

export interface RecordingsFolder {
  readonly directory: string;
  close(): Promise<void>;
}

/** @param files text by name, for example of SYNTHETIC funding; they say so where they are made. */
export async function recordingsOf(
  venue: VenueId,
  files: Readonly<Record<string, string>> = {},
): Promise<RecordingsFolder> {
  const directory = await mkdtemp(join(tmpdir(), `wick-${venue}-`));
  const folder = join(directory, venue);
  await cp(join(RECORDINGS_DIRECTORY, venue), folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return { directory, close: async () => rm(directory, { recursive: true, force: true }) };
}
