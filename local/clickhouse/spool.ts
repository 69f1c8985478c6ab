/**
 * Files between the HTTP process and the engine: insert data, held results, and the named pipes that rows come
 * through. In: bytes. Out: paths. Insert data go to a memory file system while they fit its budget, else to disk.
 * Invariant: every byte is counted against a budget and given back; leftovers of a killed process are wiped at
 * start, which is safe because the engine's lock on the data directory is held by then.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { copyFile, type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { clickHouseError } from './clickhouse-error.ts';
import type { FrontLimits } from './limits.ts';

const MEMORY_FILE_SYSTEM = '/dev/shm';
/** `f_type` of tmpfs in Linux. */
const TMPFS_MAGIC = 0x01021994;
/** Bytes of one body gathered before they are written; bounds memory per connection. */
const GATHER_BYTES = 256 * 1024;

export interface SpooledFile {
  readonly path: string;
  readonly bytes: number;
  /** Removes the file and gives its bytes back to the budget. */
  discard(): Promise<void>;
}

export interface SpoolWriter {
  write(chunk: Buffer): Promise<void>;
  finish(): Promise<SpooledFile>;
  discard(): Promise<void>;
}

export interface Spool {
  /** For insert data: memory first. For held results: `disk`. */
  writer(place: 'memory' | 'disk'): SpoolWriter;
  takePipe(): string;
  givePipe(path: string): void;
  close(): void;
}

interface Area {
  readonly dir: string;
  readonly bytesMax: number;
  used: number;
}

interface SpoolState {
  readonly memory: Area;
  readonly disk: Area;
  readonly perBody: number;
  nextFile: number;
}

export async function createSpool(dataDir: string, limits: FrontLimits): Promise<Spool> {
  const diskDir = freshDir(join(dataDir, 'spool'));
  const memoryDir = findMemoryDir(dataDir);
  const memoryMax = memoryDir === undefined ? 0 : memoryBudget(limits.memorySpoolBytesMax);
  const state: SpoolState = {
    memory: { dir: memoryDir ?? diskDir, bytesMax: memoryMax, used: 0 },
    disk: { dir: diskDir, bytesMax: limits.diskSpoolBytesMax, used: 0 },
    perBody: limits.memorySpoolBytesPerBody,
    nextFile: 1,
  };
  const pipes = Array.from({ length: limits.runningQueriesMax }, (_, index) =>
    join(state.memory.dir, `rows-${index + 1}`),
  );
  await promisify(execFile)('mkfifo', ['-m', '600', ...pipes]);
  return {
    writer: (place) => createWriter(state, place === 'memory' ? state.memory : state.disk),
    takePipe() {
      const pipe = pipes.pop();
      if (pipe === undefined) throw new Error('more queries run than there are result pipes');
      return pipe;
    },
    givePipe: (path) => {
      pipes.push(path);
    },
    close() {
      rmSync(diskDir, { recursive: true, force: true });
      rmSync(state.memory.dir, { recursive: true, force: true });
    },
  };
}

/** One directory per data directory and user, so that a restart finds and wipes what a killed process left. */
function findMemoryDir(dataDir: string): string | undefined {
  try {
    if (statfsSync(MEMORY_FILE_SYSTEM).type !== TMPFS_MAGIC) return undefined;
    const key = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 16);
    const uid = process.getuid?.() ?? 0;
    return freshDir(join(MEMORY_FILE_SYSTEM, `wickstream-clickhouse-${uid}-${key}`));
  } catch (error) {
    // Absent on macOS, read-only in some containers, or a stranger's directory: then everything goes to disk.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** An empty directory of our own; fails (EEXIST) rather than use a link or a directory of someone else. */
function freshDir(dir: string): string {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { mode: 0o700 });
  if (!lstatSync(dir).isDirectory()) throw new Error(`"${dir}" is not a directory`);
  return dir;
}

function memoryBudget(bytesMax: number): number {
  const { bavail, bsize } = statfsSync(MEMORY_FILE_SYSTEM);
  return Math.min(bytesMax, Math.floor((bavail * bsize) / 2));
}

function createWriter(state: SpoolState, first: Area): SpoolWriter {
  let area = first;
  let path = join(area.dir, `body-${state.nextFile}`);
  state.nextFile += 1;
  let file: FileHandle | undefined;
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  let bytes = 0;

  const discard = async (): Promise<void> => {
    await file?.close();
    file = undefined;
    area.used -= bytes;
    bytes = 0;
    await rm(path, { force: true });
  };
  const reserve = async (more: number): Promise<void> => {
    const fits = area.used + more <= area.bytesMax;
    if (area === state.memory && (!fits || bytes + more > state.perBody)) await moveToDisk();
    else if (!fits) throw spoolFull(area);
    if (area.used + more > area.bytesMax) throw spoolFull(area);
    area.used += more;
    bytes += more;
  };
  const moveToDisk = async (): Promise<void> => {
    const from = path;
    const moved = bytes;
    if (state.disk.used + moved > state.disk.bytesMax) throw spoolFull(state.disk);
    await file?.close();
    path = join(state.disk.dir, `body-${state.nextFile}`);
    state.nextFile += 1;
    if (file !== undefined) await copyFile(from, path);
    file = file === undefined ? undefined : await open(path, 'a', 0o600);
    area.used -= moved;
    area = state.disk;
    area.used += moved;
    await rm(from, { force: true });
  };
  const flush = async (): Promise<void> => {
    const chunks = gathered;
    gathered = [];
    await reserve(gatheredBytes);
    gatheredBytes = 0;
    file ??= await open(path, 'w', 0o600);
    await file.writev(chunks);
  };
  return {
    async write(chunk) {
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      if (gatheredBytes >= GATHER_BYTES) await flush();
    },
    async finish() {
      if (file === undefined) {
        // The common insert: one write to memory takes less than handing it to another thread.
        await reserve(gatheredBytes);
        writeFileSync(path, Buffer.concat(gathered), { mode: 0o600 });
        gathered = [];
      } else {
        if (gatheredBytes > 0) await flush();
        await file.close();
        file = undefined;
      }
      return { path, bytes, discard };
    },
    discard,
  };
}

function spoolFull(area: Area): Error {
  return clickHouseError(
    'NOT_ENOUGH_SPACE',
    `The spool for request and result bytes is full (${area.used} of ${area.bytesMax} bytes in use). Send less at once`,
  );
}
