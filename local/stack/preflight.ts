/**
 * What the embedded stack needs of the machine, checked before anything is started. In: paths. Out:
 * findings, or one clear error. Each says what is wrong and what to do.
 */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { AppError, errorText } from '#core/errors.ts';
import { javaCommand } from './services/service.ts';

const run = promisify(execFile);

export const JAVA_MAJOR_MIN = 17;
export const DISK_FREE_MIB_MIN = 2_048;
export const MEMORY_FREE_MIB_MIN = 2_560;
const JAVA_TIMEOUT_MS = 20_000;

/** Major version of the Java that would be used; null when there is none. */
export async function javaMajor(
  env: Readonly<Record<string, string | undefined>>,
): Promise<number | null> {
  const result = await run(javaCommand(env), ['-version'], { timeout: JAVA_TIMEOUT_MS }).catch(
    () => null,
  );
  const match = /version "(\d+)(?:\.(\d+))?/.exec(result === null ? '' : result.stderr);
  if (match === null) return null;
  const [, first = '0', second = '0'] = match;
  return first === '1' ? Number(second) : Number(first);
}

/** @throws AppError WICK_LOCAL_JAVA_MISSING saying what was found and what to install. */
export async function assertJava(
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const major = await javaMajor(env);
  if (major !== null && major >= JAVA_MAJOR_MIN) return major;
  throw new AppError(
    'WICK_LOCAL_JAVA_MISSING',
    `Kafka and Debezium need Java ${JAVA_MAJOR_MIN} or newer, ${major === null ? `but "${javaCommand(env)}" does not run` : `but "${javaCommand(env)}" is version ${major}`}. Install one (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME`,
  );
}

/**
 * Postgres refuses to make its data for a user id without a name, as containers may have.
 * @throws AppError WICK_LOCAL_USER_UNKNOWN saying what to do.
 */
export function assertUser(name: () => string = () => userInfo().username): void {
  try {
    name();
  } catch (error) {
    throw new AppError(
      'WICK_LOCAL_USER_UNKNOWN',
      `Postgres runs only for a user that the system knows, and user id ${process.getuid?.() ?? 'of this process'} has no entry in the user database; add one (useradd) or run as another user`,
      { cause: error },
    );
  }
}

/** MiB free where the stack keeps its data, or will. */
export async function diskFreeMib(path: string): Promise<number> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = await statfs(folder);
      return Math.floor((bavail * bsize) / 1024 / 1024);
    } catch (error) {
      const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!absent || folder === dirname(folder)) throw error;
    }
  }
}

/** @throws AppError WICK_LOCAL_DISK_FULL naming the folder and how much is missing. */
export async function assertDisk(
  path: string,
  minMib = DISK_FREE_MIB_MIN,
  variable = 'WICKSTREAM_DATA_DIR',
): Promise<void> {
  let free: number;
  try {
    free = await diskFreeMib(path);
  } catch (error) {
    throw new AppError(
      'WICK_LOCAL_DISK_FULL',
      `Cannot read the free space of "${path}": ${errorText(error)}`,
      { cause: error },
    );
  }
  if (free >= minMib) return;
  throw new AppError(
    'WICK_LOCAL_DISK_FULL',
    `Only ${free} MiB are free where "${path}" lies, the stack wants ${minMib}; free some, or set ${variable} to a folder on a larger disk`,
  );
}

/** MiB of memory that programs could take now: what is free, and what the system only caches. */
export function memoryFreeMib(): number {
  return Math.floor(process.availableMemory() / 1024 / 1024);
}
