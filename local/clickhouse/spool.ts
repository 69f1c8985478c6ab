/**
 * Files between the HTTP process and the engine: insert data, held results, and the named pipes that rows come
 * through. In: bytes. Out: paths. Insert data go to a memory file system while they fit its budget, else to disk.
 * Invariant: every byte is counted against a budget and given back; leftovers of a killed process are wiped at
 * start, which is safe because the engine's lock on the data directory is held by then.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { copyFile, type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { clickHouseError } from './clickhouse-error.ts';
import type { FrontLimits } from './limits.ts';

const MEMORY_FILE_SYSTEM = '/dev/shm';
/** In each of our directories there: the data directory that it belongs to. */
const OWNER_FILE = 'data-directory';
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
    writer: (place) => new BodyWriter(state, place === 'memory' ? state.memory : state.disk),
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
    const prefix = `wickstream-clickhouse-${process.getuid?.() ?? 0}-`;
    sweepOrphans(prefix);
    const owner = realpathSync(dataDir);
    const key = createHash('sha256').update(owner).digest('hex').slice(0, 16);
    const dir = freshDir(join(MEMORY_FILE_SYSTEM, `${prefix}${key}`));
    writeFileSync(join(dir, OWNER_FILE), owner, { mode: 0o600 });
    return dir;
  } catch (error) {
    // Absent on macOS, read-only in some containers, or a stranger's directory: then everything goes to disk.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** Memory is not left to data directories that were deleted after a kill -9. */
function sweepOrphans(prefix: string): void {
  for (const name of readdirSync(MEMORY_FILE_SYSTEM)) {
    const owner = join(MEMORY_FILE_SYSTEM, name, OWNER_FILE);
    if (!name.startsWith(prefix) || !existsSync(owner)) continue;
    if (existsSync(readFileSync(owner, 'utf8'))) continue;
    rmSync(join(MEMORY_FILE_SYSTEM, name), { recursive: true, force: true });
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

/** One file while it is written; it may move from memory to disk on the way. */
class BodyWriter implements SpoolWriter {
  readonly #state: SpoolState;
  #area: Area;
  #path: string;
  #file: FileHandle | undefined;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #bytes = 0;

  constructor(state: SpoolState, area: Area) {
    this.#state = state;
    this.#area = area;
    this.#path = this.#nextPath();
  }

  async write(chunk: Buffer): Promise<void> {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#flush();
  }

  async finish(): Promise<SpooledFile> {
    if (this.#file !== undefined) {
      if (this.#gatheredBytes > 0) await this.#flush();
      await this.#file.close();
      this.#file = undefined;
    } else {
      // The common insert: one write to memory takes less than handing it to another thread.
      await this.#reserve(this.#gatheredBytes);
      this.#gatheredBytes = 0;
      try {
        writeFileSync(this.#path, Buffer.concat(this.#gathered), { mode: 0o600 });
      } catch (error) {
        throw diskFull(error, this.#path);
      }
      this.#gathered = [];
    }
    return { path: this.#path, bytes: this.#bytes, discard: () => this.discard() };
  }

  async discard(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#area.used -= this.#bytes;
    this.#bytes = 0;
    await rm(this.#path, { force: true });
  }

  #nextPath(): string {
    const path = join(this.#area.dir, `body-${this.#state.nextFile}`);
    this.#state.nextFile += 1;
    return path;
  }

  async #flush(): Promise<void> {
    const chunks = this.#gathered;
    this.#gathered = [];
    await this.#reserve(this.#gatheredBytes);
    this.#gatheredBytes = 0;
    try {
      this.#file ??= await open(this.#path, 'w', 0o600);
      await this.#file.writev(chunks);
    } catch (error) {
      throw diskFull(error, this.#path);
    }
  }

  async #reserve(more: number): Promise<void> {
    const { memory, perBody } = this.#state;
    const inMemory = this.#area === memory;
    if (inMemory && (memory.used + more > memory.bytesMax || this.#bytes + more > perBody)) {
      await this.#moveToDisk();
    }
    if (this.#area.used + more > this.#area.bytesMax) throw spoolFull(this.#area);
    this.#area.used += more;
    this.#bytes += more;
  }

  async #moveToDisk(): Promise<void> {
    const { disk } = this.#state;
    const from = this.#path;
    if (disk.used + this.#bytes > disk.bytesMax) throw spoolFull(disk);
    this.#area.used -= this.#bytes;
    this.#area = disk;
    this.#area.used += this.#bytes;
    this.#path = this.#nextPath();
    if (this.#file === undefined) return;
    await this.#file.close();
    this.#file = undefined;
    await copyFile(from, this.#path);
    this.#file = await open(this.#path, 'a', 0o600);
    await rm(from, { force: true });
  }
}

function diskFull(error: unknown, path: string): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) return error;
  return clickHouseError('NOT_ENOUGH_SPACE', `No space is left for "${path}": free some`);
}

function spoolFull(area: Area): Error {
  return clickHouseError(
    'NOT_ENOUGH_SPACE',
    `The spool for request and result bytes is full (${area.used} of ${area.bytesMax} bytes in use). Send less at once`,
  );
}
