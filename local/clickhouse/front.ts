/**
 * ClickHouse over HTTP without a server installed: the engine behind the HTTP interface. In: a data directory, a
 * port, one user. Out: the port that listens, and an ordered stop. Composes engine, spool, sessions and handler; used
 * by `main.ts` as a process and by tests inside theirs. The embedded default only: nothing outside `local/` imports it.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { mkdirSync, realpathSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '#core/errors.ts';
import { createAuthenticator } from './auth.ts';
import { type Engine, startEngine } from './engine.ts';
import { createHandler, type Handler } from './handler.ts';
import { DEFAULT_LIMITS, type FrontLimits } from './limits.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createSlots } from './slots.ts';
import { createSpool, type Spool } from './spool.ts';

export interface FrontLog {
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface FrontOptions {
  readonly dataDir: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly host?: string;
  readonly user: string;
  readonly password: string;
  readonly log: FrontLog;
  readonly limits?: Partial<FrontLimits>;
  /** The engine ended unasked; nothing works from then on, so a process should exit and be started again. */
  readonly onEngineExit?: (error: AppError) => void;
}

export interface ClickHouseFront {
  readonly port: number;
  /** Of the engine; the HTTP side runs in the caller's process. */
  readonly enginePid: number;
  /** Refuses new queries, lets running ones finish for `drainMs`, kills the rest, closes the tables. */
  close(): Promise<void>;
}

const POLL_MS = 10;
/** How long a client that sent no readable request may go on sending. */
const REFUSED_CLIENT_MS = 2000;

/** @throws AppError WICK_CONFIG_INVALID, WICK_LOCAL_ALREADY_RUNNING, _PORT_BUSY or _ENGINE_FAILED. */
export async function createClickHouseFront(options: FrontOptions): Promise<ClickHouseFront> {
  const limits: FrontLimits = { ...DEFAULT_LIMITS, ...options.limits };
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(options.dataDir);
  const { log } = options;
  const engine = await startEngine({
    dataDir,
    limits,
    log,
    onExit: (error) => {
      log.error({ code: error.code }, error.message);
      options.onEngineExit?.(error);
    },
  });
  let spool: Spool | undefined;
  try {
    // Only now: the engine holds the lock, so what lies in the spool belongs to nobody.
    spool = await createSpool(dataDir, limits);
    const sessions = createSessions(engine, limits);
    const slots = createSlots({
      running: limits.runningQueriesMax,
      waiting: limits.waitingQueriesMax,
    });
    const authenticate = createAuthenticator(options);
    const handler = createHandler({
      engine,
      spool,
      sessions,
      slots,
      limits,
      log,
      authenticate,
      queryIds: new Set(),
    });
    const server = httpServer(handler, limits);
    const port = await listen(server, options.port, options.host ?? '127.0.0.1');
    const parts: Parts = { server, handler, sessions, engine, spool, limits };
    let closing: Promise<void> | undefined;
    return { port, enginePid: engine.pid, close: () => (closing ??= closeAll(parts)) };
  } catch (error) {
    await engine.close();
    spool?.close();
    throw error;
  }
}

interface Parts {
  readonly server: Server;
  readonly handler: Handler;
  readonly sessions: Sessions;
  readonly engine: Engine;
  readonly spool: Spool;
  readonly limits: FrontLimits;
}

function httpServer(handler: Handler, limits: FrontLimits): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.urlBytesMax,
      keepAliveTimeout: limits.keepAliveMs,
      requestTimeout: limits.requestMs,
      noDelay: true,
    },
    (request, response) => handler.handle(request, response),
  );
  server.maxConnections = limits.connectionsMax;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable) return;
    const [status, text] =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? [
            '414 URI Too Long',
            `The URL and headers are longer than ${limits.urlBytesMax} bytes: send the query as the body`,
          ]
        : ['400 Bad Request', `The request is not HTTP: ${error.message}`];
    // What the client still sends is read and dropped: closing on it would take the answer along.
    socket.setTimeout(REFUSED_CLIENT_MS, () => socket.destroy());
    socket.resume();
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text) + 1}\r\n\r\n${text}\n`,
    );
  });
  return server;
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') reject(error);
      else {
        reject(
          new AppError(
            'WICK_LOCAL_PORT_BUSY',
            `Port ${port} on ${host} is in use: stop what listens there, or give another port`,
            { cause: error },
          ),
        );
      }
    });
    server.listen(port, host, resolve);
  });
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server has no TCP address');
  return address.port;
}

async function closeAll(parts: Parts): Promise<void> {
  const { server, handler, sessions, engine, spool, limits } = parts;
  handler.stop();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  if (!(await idleWithin(handler, limits.drainMs))) {
    handler.abortAll();
    await idleWithin(handler, limits.killWaitMs);
  }
  server.closeAllConnections();
  await closed;
  sessions.close();
  await engine.close();
  spool.close();
}

async function idleWithin(handler: Handler, waitMs: number): Promise<boolean> {
  for (let waited = 0; handler.active > 0; waited += POLL_MS) {
    if (waited >= waitMs) return false;
    await delay(POLL_MS);
  }
  return true;
}
