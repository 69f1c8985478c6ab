/**
 * The engine process as the HTTP process sees it. In: SQL to run in a session. Out: outcomes, and word of its end.
 * Starts the child with a thread for every query and some for KILL, and with its own small environment (TZ=UTC, as
 * the server image has it). Invariant: when the child ends unasked, every open call fails and `onExit` is told once.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AppError } from '#core/errors.ts';
import {
  parseFromEngine,
  type ReadyMessage,
  type RunMessage,
  type RunOutcome,
  type ToEngine,
} from './engine-messages.ts';
import type { FrontLimits } from './limits.ts';

export interface EngineLog {
  warn(details: object, message: string): void;
}

export interface EngineOptions {
  readonly dataDir: string;
  readonly limits: FrontLimits;
  readonly log: EngineLog;
  /** The process ended without being asked to. */
  readonly onExit: (error: AppError) => void;
}

export interface Engine {
  readonly about: ReadyMessage;
  readonly pid: number;
  run(query: Omit<RunMessage, 'kind' | 'id'>): Promise<RunOutcome>;
  /** Asks the query whose tag begins so to end; it ends when it notices. */
  kill(tagPrefix: string): void;
  closeSession(session: string): void;
  close(): Promise<void>;
}

/** Threads beside those of running queries: KILL, and statements around a query. */
const SPARE_THREADS = 4;
/** Longest line of the engine's stderr that is logged. */
const STDERR_LINE_CHARS = 2000;

export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { dataDir, limits, log } = options;
  if (/[*?{}[\]]/.test(dataDir)) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `The data directory "${dataDir}" holds one of * ? { } [ ], which ClickHouse reads as a pattern: give another path`,
    );
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  // The engine's default database also finds files of its working directory as tables: it gets an empty one.
  const workDir = join(dataDir, 'work');
  mkdirSync(workDir, { recursive: true, mode: 0o700 });
  const config = join(dataDir, 'engine.xml');
  writeFileSync(config, engineConfig(limits), { mode: 0o600 });
  const child = fork(
    join(import.meta.dirname, 'engine-process.ts'),
    ['--data', dataDir, '--config', config, '--lock-wait-ms', String(limits.dataLockWaitMs)],
    {
      cwd: workDir,
      env: { UV_THREADPOOL_SIZE: String(limits.runningQueriesMax + SPARE_THREADS), TZ: 'UTC' },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  );
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.warn({ source: 'engine' }, line.slice(0, STDERR_LINE_CHARS));
    });
  }
  const link = linkTo(child, log);
  const about = await awaitReady(child, link, dataDir, limits.engineStartMs);
  return createHandle(child, link, about, options);
}

interface Link {
  readonly pending: Map<number, (outcome: RunOutcome) => void>;
  onReady: (message: ReadyMessage) => void;
  onFatal: (error: AppError) => void;
  onExit: (error: AppError) => void;
}

function linkTo(child: ChildProcess, log: EngineLog): Link {
  const ignore = (): void => {};
  const link: Link = { pending: new Map(), onReady: ignore, onFatal: ignore, onExit: ignore };
  child.on('message', (raw: unknown) => {
    const message = parseFromEngine(raw);
    switch (message.kind) {
      case 'ready':
        link.onReady(message);
        break;
      case 'fatal':
        link.onFatal(fatalError(message.reason, message.message));
        break;
      case 'warning':
        log.warn({ source: 'engine' }, message.message);
        break;
      case 'done':
      case 'failed':
        link.pending.get(message.id)?.(message);
        link.pending.delete(message.id);
        break;
    }
  });
  child.on('error', (error) => {
    log.warn({ source: 'engine' }, `The engine process: ${error.message}`);
  });
  child.once('exit', (code, signal) => {
    link.onExit(
      new AppError(
        'WICK_LOCAL_ENGINE_FAILED',
        `The ClickHouse engine process ended (${signal ?? `exit code ${code}`})`,
        { details: { code, signal } },
      ),
    );
  });
  return link;
}

async function awaitReady(
  child: ChildProcess,
  link: Link,
  dataDir: string,
  waitMs: number,
): Promise<ReadyMessage> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ReadyMessage>((resolve, reject) => {
      link.onReady = resolve;
      link.onFatal = reject;
      link.onExit = reject;
      child.once('error', reject);
      timer = setTimeout(() => {
        reject(
          new AppError('WICK_LOCAL_ENGINE_FAILED', `ClickHouse was not ready within ${waitMs} ms`),
        );
      }, waitMs);
    });
  } catch (error) {
    child.kill('SIGKILL');
    if (error instanceof AppError && error.code === 'WICK_LOCAL_ALREADY_RUNNING') {
      throw new AppError(
        'WICK_LOCAL_ALREADY_RUNNING',
        `Another ClickHouse process uses "${dataDir}": stop it, or give another --data`,
        { cause: error },
      );
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function fatalError(reason: 'locked' | 'failed', message: string): AppError {
  const code = reason === 'locked' ? 'WICK_LOCAL_ALREADY_RUNNING' : 'WICK_LOCAL_ENGINE_FAILED';
  return new AppError(code, `ClickHouse did not start: ${message}`);
}

function createHandle(
  child: ChildProcess,
  link: Link,
  about: ReadyMessage,
  options: EngineOptions,
): Engine {
  let nextId = 1;
  let gone: AppError | undefined;
  let closing = false;
  const exited = new Promise<void>((resolve) => {
    link.onExit = (error) => {
      gone = error;
      for (const [id, settle] of link.pending) {
        settle({ kind: 'failed', id, message: error.message });
      }
      link.pending.clear();
      resolve();
      if (!closing) options.onExit(error);
    };
  });
  link.onFatal = (error) => options.log.warn({ source: 'engine' }, error.message);
  const send = (message: ToEngine): void => {
    if (gone === undefined && child.connected) child.send(message);
  };
  return {
    about,
    pid: child.pid ?? 0,
    run(query) {
      const id = nextId;
      nextId += 1;
      if (gone !== undefined) {
        return Promise.resolve({ kind: 'failed', id, message: gone.message });
      }
      return new Promise((resolve) => {
        link.pending.set(id, resolve);
        send({ kind: 'run', id, ...query });
      });
    },
    kill: (tagPrefix) => {
      send({ kind: 'kill', tagPrefix });
    },
    closeSession: (session) => {
      send({ kind: 'close-session', session });
    },
    async close() {
      closing = true;
      send({ kind: 'shutdown' });
      const timer = setTimeout(() => {
        options.log.warn(
          {},
          `The engine did not close within ${options.limits.engineCloseMs} ms and was killed`,
        );
        child.kill('SIGKILL');
      }, options.limits.engineCloseMs);
      if (gone === undefined) await exited;
      clearTimeout(timer);
    },
  };
}

/** What cannot be a SET: memory for everything together, small caches, and two threads for merges. */
function engineConfig(limits: FrontLimits): string {
  return `<clickhouse>
  <max_server_memory_usage>${limits.engineMemoryBytes}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
</clickhouse>
`;
}
