/**
 * Log files that cannot grow without bound. In: paths. Out: at most one file of the bound and one
 * older of the same size for each service. While a process holds its log open for appending, the file
 * is copied and cut, so that the process goes on writing to it; what it writes meanwhile may be lost.
 */
import { copyFile, rename, stat, truncate } from 'node:fs/promises';

export const LOG_BYTES_MAX = 50 * 1024 * 1024;
const CUT_EVERY_MS = 30_000;

/** Before a start: nobody has the file open. */
export async function rotateLog(path: string, bytesMax = LOG_BYTES_MAX): Promise<void> {
  if ((await sizeOf(path)) > bytesMax) await rename(path, `${path}.1`);
}

/** While the service runs. @returns true when the log was cut. */
export async function cutLog(path: string, bytesMax = LOG_BYTES_MAX): Promise<boolean> {
  if ((await sizeOf(path)) <= bytesMax) return false;
  await copyFile(path, `${path}.1`);
  await truncate(path);
  return true;
}

/** Looks at the logs now and then, until closed. */
export function boundLogs(
  paths: readonly string[],
  options: { readonly bytesMax?: number; readonly everyMs?: number } = {},
): { close(): void } {
  const timer = setInterval(() => {
    // A log that cannot be cut now (a full disk) is looked at again.
    void Promise.allSettled(paths.map((path) => cutLog(path, options.bytesMax)));
  }, options.everyMs ?? CUT_EVERY_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0;
      throw error;
    },
  );
}
