/**
 * A folder of recordings. In: a directory; files that lie flat in it are Binance USD-M futures, those
 * of a subfolder named after a venue are that venue's. Out: the series it holds and, for every other
 * entry, why it was left out: nothing is skipped silently and one bad file does not stop the others.
 * Prose beside the data (`*.md`) is not a recording and is not listed.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AppError, errorText } from '#core/errors.ts';
import { parseFundingRows, type FundingRecording } from './funding-recording.ts';
import { FUNDING, parseRecordingPath, type RecordingName } from './recording-name.ts';
import { parseRecordingRows, type Recording } from './recording.ts';
import { hasInterval, isVenueId, VENUE_IDS, venueSymbolOf, type VenueId } from './venue-id.ts';

export interface RejectedFile {
  readonly file: string;
  /** What is wrong, with the line where there is one. */
  readonly reason: string;
}

export interface RecordingsFolder {
  readonly recordings: readonly Recording[];
  readonly funding: readonly FundingRecording[];
  readonly rejected: readonly RejectedFile[];
}

/** Most uncompressed bytes of one file, and of all together. */
const FILE_BYTES_MAX = 1024 ** 3;
const FOLDER_BYTES_MAX = 2 * 1024 ** 3;

const unzip = promisify(gunzip);

interface Loading {
  readonly recordings: Recording[];
  readonly funding: FundingRecording[];
  readonly rejected: RejectedFile[];
  bytes: number;
}

/** @throws AppError WICK_LOCAL_RECORDING_INVALID where the folder cannot be read at all. */
export async function loadRecordings(directory: string): Promise<RecordingsFolder> {
  const found: Loading = { recordings: [], funding: [], rejected: [], bytes: 0 };
  for (const entry of await listFolder(directory)) {
    if (!entry.isDirectory) {
      await addFile(found, directory, 'binance-futures', entry.name);
    } else if (isVenueId(entry.name)) {
      await addVenue(found, directory, entry.name);
    } else {
      const reason = `a folder that is named after no venue; known are ${VENUE_IDS.join(', ')}`;
      found.rejected.push({ file: entry.name, reason });
    }
  }
  return found;
}

async function addVenue(found: Loading, directory: string, venue: VenueId): Promise<void> {
  for (const entry of await listFolder(join(directory, venue))) {
    const file = `${venue}/${entry.name}`;
    if (entry.isDirectory) {
      found.rejected.push({ file, reason: "a folder; a venue's files lie flat in its folder" });
    } else {
      await addFile(found, directory, venue, file);
    }
  }
}

async function addFile(
  found: Loading,
  directory: string,
  venue: VenueId,
  file: string,
): Promise<void> {
  const reason = await loadFile(found, directory, venue, file);
  if (reason !== null) found.rejected.push({ file, reason });
}

/** Null, or the reason why the file is left out. */
async function loadFile(
  found: Loading,
  directory: string,
  venue: VenueId,
  file: string,
): Promise<string | null> {
  const parsed = parseRecordingPath(file);
  if (!parsed.ok) return parsed.reason;
  const clash = findClash(parsed.name, venue, found);
  if (clash !== null) return clash;
  const { base, quote, interval } = parsed.name;
  try {
    const text = await readText(join(directory, file), parsed.name.compressed);
    if (text.length > FOLDER_BYTES_MAX - found.bytes) {
      return `the folder holds more than ${FOLDER_BYTES_MAX} bytes`;
    }
    const venueSymbol = venueSymbolOf(venue, base, quote);
    const place = { venue, file, base, quote, venueSymbol };
    if (interval === FUNDING) {
      const result = parseFundingRows(text);
      if (!result.ok) return result.reason;
      found.funding.push({ ...place, rows: result.rows });
    } else {
      if (!hasInterval(venue, interval)) return `${venue} has no interval ${interval}`;
      const result = parseRecordingRows(text);
      if (!result.ok) return result.reason;
      found.recordings.push({ ...place, interval, ...result.rows });
    }
    found.bytes += text.length;
    return null;
  } catch (error) {
    return `unreadable: ${errorText(error)}`;
  }
}

async function readText(path: string, compressed: boolean): Promise<Buffer> {
  const bytes = await readFile(path);
  return compressed ? unzip(bytes, { maxOutputLength: FILE_BYTES_MAX }) : bytes;
}

function findClash(
  { base, quote, interval }: RecordingName,
  venue: VenueId,
  { recordings, funding }: Loading,
): string | null {
  const symbol = venueSymbolOf(venue, base, quote);
  const others = [...recordings, ...funding.map((each) => ({ ...each, interval: FUNDING }))];
  for (const other of others) {
    if (other.venue !== venue || other.venueSymbol !== symbol) continue;
    const pair = `${other.base}/${other.quote}`;
    if (other.base !== base) {
      return `"${base}/${quote}" and "${pair}" (${other.file}) are one venue symbol`;
    }
    if (other.interval === interval) {
      return `the series ${pair} ${interval} is already read from ${other.file}`;
    }
  }
  return null;
}

async function listFolder(directory: string): Promise<{ name: string; isDirectory: boolean }[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.name.startsWith('.') && !entry.name.endsWith('.md'))
      .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw new AppError(
      'WICK_LOCAL_RECORDING_INVALID',
      `the folder "${directory}" cannot be read: ${errorText(error)}; name a folder of candle CSVs`,
      { cause: error },
    );
  }
}
