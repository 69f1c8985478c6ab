/**
 * Stands between our code and the recorded venue and can hold pages of candles back: whoever waits for
 * one is in the middle of its run for sure. In: the venue's address, after how many pages to hold. Out:
 * another address.
 */
import { createServer, type ServerResponse } from 'node:http';

export interface VenueGate {
  readonly url: string;
  /** Pages of candles asked for so far. */
  pages(): number;
  /** Lets everything pass from now on. */
  open(): void;
  close(): void;
}

export async function startVenueGate(target: string, pagesMax: number): Promise<VenueGate> {
  const opened = Promise.withResolvers<void>();
  let pages = 0;
  const pass = async (path: string, response: ServerResponse): Promise<void> => {
    const isPage = path.includes('/klines');
    if (isPage) pages += 1;
    if (isPage && pages > pagesMax) await opened.promise;
    const answer = await fetch(`${target}${path}`);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(await answer.text());
  };
  const server = createServer((request, response) => {
    // As a venue that is gone: whoever asked finds out.
    pass(request.url ?? '', response).catch(() => response.destroy());
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', () => listening.resolve());
  await listening.promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    pages: () => pages,
    open: () => opened.resolve(),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
