/** Ports: are they free, and whose variable moves them. Listens on loopback only. */
import { createServer, connect } from 'node:net';
import { AppError } from '#core/errors.ts';

const CONNECT_TIMEOUT_MS = 1_000;

/** A port that is free right now; for tests. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (address === null || typeof address === 'string') throw new Error('no port was assigned');
  return address.port;
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
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** @throws AppError WICK_LOCAL_PORT_BUSY naming the service and the variable that moves it. */
export async function assertFree(service: string, port: number, variable: string): Promise<void> {
  if (await isFree(port)) return;
  throw new AppError(
    'WICK_LOCAL_PORT_BUSY',
    `Port ${port} for ${service} is in use by another program; stop that program or set ${variable} to a free port`,
    { details: { service, port, variable } },
  );
}
