/**
 * A folder of candle CSVs. In: a directory. Out: the series it holds and, for every other entry,
 * why it was left out: nothing is skipped silently and one bad file does not stop the others.
 * Prose beside the data (`*.md`) is not a recording and is not listed.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AppError, errorText } from '#core/errors.ts';
import { parseRecordingName, type RecordingName } from './recording-name.ts';
import { parseRecordingRows, type Recording } from './recording.ts';

export interface RejectedFile {
  readonly file: string;
  /** What is wrong, with the line where there is one. */
  readonly reason: string;
}

export interface RecordingsFolder {
  readonly recordings: readonly Recording[];
  readonly rejected: readonly RejectedFile[];
}

/** Most uncompressed bytes of one file, and of all together. */
const FILE_BYTES_MAX = 1024 ** 3;
const FOLDER_BYTES_MAX = 2 * 1024 ** 3;

const unzip = promisify(gunzip);

/** @throws AppError WICK_LOCAL_RECORDING_INVALID where the folder cannot be read at all. */
export async function loadRecordings(directory: string): Promise<RecordingsFolder> {
  const recordings: Recording[] = [];
  const rejected: RejectedFile[] = [];
  let bytes = 0;
  for (const entry of await listFolder(directory)) {
    const result = entry.isDirectory
      ? 'a folder; candle files are read from one flat folder'
      : await loadRecording(directory, entry.name, recordings, FOLDER_BYTES_MAX - bytes);
    if (typeof result === 'string') {
      rejected.push({ file: entry.name, reason: result });
    } else {
      recordings.push(result);
      bytes += result.text.length;
    }
  }
  return { recordings, rejected };
}

/** The recording, or the reason why the file is left out. */
async function loadRecording(
  directory: string,
  file: string,
  others: readonly Recording[],
  bytesLeft: number,
): Promise<Recording | string> {
  const parsed = parseRecordingName(file);
  if (!parsed.ok) return parsed.reason;
  const clash = findClash(parsed.name, others);
  if (clash !== null) return clash;
  try {
    const text = await readText(join(directory, file), parsed.name.compressed);
    if (text.length > bytesLeft) return `the folder holds more than ${FOLDER_BYTES_MAX} bytes`;
    const result = parseRecordingRows(text);
    if (!result.ok) return result.reason;
    const { base, quote, interval } = parsed.name;
    return { file, base, quote, interval, ...result.rows };
  } catch (error) {
    return `unreadable: ${errorText(error)}`;
  }
}

async function readText(path: string, compressed: boolean): Promise<Buffer> {
  const bytes = await readFile(path);
  return compressed ? unzip(bytes, { maxOutputLength: FILE_BYTES_MAX }) : bytes;
}

function findClash(name: RecordingName, others: readonly Recording[]): string | null {
  for (const other of others) {
    if (other.base + other.quote !== name.base + name.quote) continue;
    const pair = `${other.base}/${other.quote}`;
    if (other.base !== name.base) {
      return `"${name.base}/${name.quote}" and "${pair}" (${other.file}) are one venue symbol`;
    }
    if (other.interval === name.interval) {
      return `the series ${pair} ${name.interval} is already read from ${other.file}`;
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
