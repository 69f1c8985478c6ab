/** Ports: are they free, and whose variable moves them. Listens on loopback only. */
import { randomInt } from 'node:crypto';
import { createServer, connect } from 'node:net';
import { AppError } from '#core/errors.ts';

const CONNECT_TIMEOUT_MS = 1_000;

/** Below the ports that Linux lends to outgoing connections: none of them takes one meanwhile. */
const FREE_PORT_MIN = 20_000;
const FREE_PORT_MAX = 32_000;
const FREE_PORT_TRIES = 200;
const handedOut = new Set<number>();

/** A port that is free right now, and that this process was not given before; for tests. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < FREE_PORT_TRIES; tried += 1) {
    const port = randomInt(FREE_PORT_MIN, FREE_PORT_MAX);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error(`no port from ${FREE_PORT_MIN} to ${FREE_PORT_MAX} is free`);
}

/** True when something accepts connections there. */
export async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: CONNECT_TIMEOUT_MS });
    const done = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}

/** True when we could listen there. */
export async function isFree(port: number): Promise<boolean> {
  return (await listenError(port)) === null;
}

/** What the system says when we listen there; null when we may. */
async function listenError(port: number): Promise<NodeJS.ErrnoException | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(null)));
  });
}

/** What is wrong with the port and what to do about it; null when it is free. */
export async function describeBusy(
  service: string,
  port: number,
  variable: string,
  tryListen: typeof listenError = listenError,
): Promise<{ readonly found: string; readonly advice: string } | null> {
  const error = await tryListen(port);
  if (error === null) return null;
  if (error.code === 'EADDRINUSE') {
    return {
      found: `port ${port} for ${service} is in use by another program`,
      advice: `stop that program or set ${variable} to a free port`,
    };
  }
  return {
    found: `port ${port} for ${service} cannot be listened on (${error.code ?? error.message})`,
    advice: `set ${variable} to a free port above 1023`,
  };
}

/** @throws AppError WICK_LOCAL_PORT_BUSY naming the service and the variable that moves it. */
export async function assertFree(service: string, port: number, variable: string): Promise<void> {
  const busy = await describeBusy(service, port, variable);
  if (busy === null) return;
  throw new AppError(
    'WICK_LOCAL_PORT_BUSY',
    `${busy.found.charAt(0).toUpperCase()}${busy.found.slice(1)}; ${busy.advice}`,
    { details: { service, port, variable } },
  );
}
