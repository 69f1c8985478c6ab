/**
 * A web server on this machine for tests of web sources. In: what to answer at which path. Out: its
 * address and what it was asked, with the time by the test's clock. It knows no source.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '#core/time.ts';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Asked {
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** By the test's clock. */
  readonly at: number;
}

export interface WebServer {
  /** For example `http://127.0.0.1:40001`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly asked: readonly Asked[];
  /** What was asked, robots.txt apart. */
  paths(): readonly string[];
  close(): Promise<void>;
}

/** @param answer undefined is 404, also for robots.txt: all is allowed. */
export async function startWebServer(
  answer: (path: string, headers: IncomingHttpHeaders) => Answer | undefined,
  clock: Clock,
): Promise<WebServer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push({ path, headers: request.headers, at: clock.now() });
    const {
      status = 200,
      headers = {},
      body = '',
    } = answer(path, request.headers) ?? { status: 404 };
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  return {
    url: `http://${host}`,
    host,
    port,
    asked,
    paths: () => asked.map(({ path }) => path).filter((path) => path !== '/robots.txt'),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
