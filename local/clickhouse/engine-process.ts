/**
 * The ClickHouse engine (npm `chdb`) in a process of its own. In: messages to run SQL in a session, to kill, to
 * stop. Out: outcomes. It makes up no SQL but USE-free start queries and KILL; it sees no HTTP.
 *
 * Why a process: the engine binds one data directory per process, occupies one libuv thread per running query
 * (UV_THREADPOOL_SIZE has to be set before Node starts), opens sessions synchronously, and a fault in it takes the
 * process along. Measured with chdb 3.4.0 on 2 cores: N sessions on one path run truly at once (8 × `sleep(1)` in
 * 1.00 s); opening one more costs 0.1 ms and leaks nothing (10,000 sessions, resident memory flat at 350 MB), so
 * every query gets a fresh session, and with it fresh settings, parameters and temporary tables. `queryBindAsync`
 * is not used: the package runs all bound queries one after another; `SET param_x` in a fresh session does not.
 * `KILL QUERY … ASYNC` ends a CPU-bound query in 4 ms; `SYNC` never returned.
 *
 * Invariants: one process per data directory (an SQLite lock, which the kernel frees at any death), and no
 * engine outlives the process that started it.
 */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drainPending, Session } from 'chdb';
import { closeSession } from './close-session.ts';
import { type FromEngine, parseToEngine, type RunMessage } from './engine-messages.ts';
import { quoteText } from './literals.ts';
import { watchParent } from './parent-watch.ts';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    config: { type: 'string' },
    'lock-wait-ms': { type: 'string' },
  },
});
const dataDir = options.data ?? '';
const enginePath = join(dataDir, 'db');

/** SELECT without SELECT is a habit of clickhouse-local, not of a server. */
const SESSION_ARGS = ['--implicit_select=0'];

const kept = new Map<string, { readonly session: Session; tail: Promise<void> }>();

function say(message: FromEngine): void {
  process.send?.(message);
}

function lockData(): DatabaseSync {
  const lock = new DatabaseSync(join(dataDir, 'engine.lock'), {
    timeout: Number(options['lock-wait-ms']),
  });
  lock.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
  return lock;
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function query(session: Session, sql: string): Promise<string> {
  const result = await session.queryAsync(sql, { format: 'TabSeparated' });
  return result.text().trimEnd();
}

async function run(message: RunMessage): Promise<void> {
  if (message.session === null) {
    const session = new Session(enginePath, { connectionArgs: SESSION_ARGS });
    try {
      await runIn(session, message);
    } finally {
      closeSession(session);
    }
    return;
  }
  let keeper = kept.get(message.session);
  if (keeper === undefined) {
    const session = new Session(enginePath, { connectionArgs: SESSION_ARGS });
    keeper = { session, tail: Promise.resolve() };
    kept.set(message.session, keeper);
  }
  const { session } = keeper;
  keeper.tail = keeper.tail.then(() => runIn(session, message));
  await keeper.tail;
}

async function runIn(session: Session, message: RunMessage): Promise<void> {
  const { id } = message;
  try {
    for (const statement of message.setup) await session.queryAsync(statement);
    const result = await session.queryAsync(message.sql, { format: message.format });
    const output = Buffer.from(result.bytes()).toString('latin1');
    say({
      kind: 'done',
      id,
      rows: result.rowsRead,
      bytes: result.bytesRead,
      seconds: result.elapsed,
      output,
    });
  } catch (error) {
    say({ kind: 'failed', id, message: errorMessage(error) });
  }
  for (const statement of message.cleanup) {
    try {
      await session.queryAsync(statement);
    } catch (error) {
      say({ kind: 'warning', message: `session clean-up failed: ${errorMessage(error)}` });
    }
  }
}

function closeKept(key: string): void {
  const keeper = kept.get(key);
  if (keeper === undefined) return;
  kept.delete(key);
  const close = (): void => closeSession(keeper.session);
  keeper.tail.then(close, close).catch((error: unknown) => {
    say({ kind: 'warning', message: `a session was not closed: ${errorMessage(error)}` });
  });
}

/** A session for KILL only, so that killing works while every other one is busy. */
async function kill(root: Session, tagPrefix: string): Promise<void> {
  try {
    await root.queryAsync(
      `KILL QUERY WHERE startsWith(Settings['cluster_for_parallel_replicas'], ${quoteText(tagPrefix)}) ASYNC`,
    );
  } catch (error) {
    say({ kind: 'warning', message: `KILL QUERY failed: ${errorMessage(error)}` });
  }
}

async function shutdown(root: Session, lock: DatabaseSync): Promise<void> {
  for (const { session } of kept.values()) session.close();
  root.close();
  await drainPending();
  lock.close();
  // All is closed. exit() would wait in ClickHouse's own end for whatever still runs, for ever where
  // that is an endless query, and with no thread left that hears of the front's death.
  process.kill(process.pid, 'SIGKILL');
}

async function main(): Promise<void> {
  // The parent decides when to stop; a Ctrl-C in the terminal reaches this process as well.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  // The parent is gone, maybe by kill -9: nobody can use this engine, and the next one waits for its lock.
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  process.on('disconnect', die);
  // However it ends, be it by an error nobody expected: see shutdown.
  process.on('exit', die);
  // It may have gone while this file was loaded: then that was told to nobody, and what it had asked
  // for is still delivered, an endless query for example.
  if (!process.connected) die();
  watchParent(process.ppid);
  let lock: DatabaseSync;
  try {
    lock = lockData();
  } catch (error) {
    say({ kind: 'fatal', reason: 'locked', message: errorMessage(error) });
    return;
  }
  const root = new Session(enginePath, {
    connectionArgs: [`--config-file=${options.config ?? ''}`, ...SESSION_ARGS],
  });
  let killing = Promise.resolve();
  process.on('message', (raw: unknown) => {
    const message = parseToEngine(raw);
    switch (message.kind) {
      case 'run':
        run(message).catch((error: unknown) => {
          say({ kind: 'failed', id: message.id, message: errorMessage(error) });
        });
        break;
      case 'kill':
        killing = killing.then(() => kill(root, message.tagPrefix));
        break;
      case 'close-session':
        closeKept(message.session);
        break;
      case 'shutdown':
        shutdown(root, lock).catch((error: unknown) => {
          say({ kind: 'fatal', reason: 'failed', message: errorMessage(error) });
        });
        break;
    }
  });
  const [version = '', timezone = '', host = ''] = (
    await query(root, 'SELECT version(), timezone(), hostName()')
  ).split('\t');
  say({ kind: 'ready', version, timezone, host });
}

main().catch((error: unknown) => {
  say({ kind: 'fatal', reason: 'failed', message: errorMessage(error) });
});
