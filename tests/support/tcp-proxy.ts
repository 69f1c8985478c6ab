/**
 * A bad line between one of our processes and an engine. In: the engine's port. Out: a port to give to
 * the process, and switches: answers to inserts that get lost after the engine has done the work, a
 * line that refuses, one that swallows everything. For fault tests.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const INSERT = /^POST \/[^ ]*insert/i;

export type LineState =
  /** Bytes pass. */
  | 'up'
  /** Connections are reset, new ones too. */
  | 'down'
  /** Connections stay, and nothing passes. */
  | 'silent';

export interface TcpProxy {
  readonly port: number;
  /** Answers to inserts that were lost so far. */
  readonly lost: number;
  /** The answers to the next inserts get lost: the engine has done them, the client is cut off. */
  loseAnswers(count: number): void;
  set(state: LineState): void;
  close(): Promise<void>;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: LineState = 'up';
  let toLose = 0;
  let lost = 0;
  const server = createServer((client) => {
    if (state === 'down') {
      client.resetAndDestroy();
      return;
    }
    const engine = connect(target, '127.0.0.1');
    const pair = [client, engine] as const;
    pairs.add(pair);
    let isInsert = false;
    const end = (): void => {
      pairs.delete(pair);
      if (!client.destroyed) client.resetAndDestroy();
      engine.destroy();
    };
    forward(client, engine, (chunk) => {
      if (chunk.subarray(0, 5).toString('latin1').startsWith('POST ')) {
        isInsert = INSERT.test(chunk.subarray(0, 4_096).toString('latin1'));
      }
      return true;
    });
    forward(engine, client, () => {
      if (!isInsert || toLose === 0) return true;
      toLose -= 1;
      lost += 1;
      end();
      return false;
    });
    for (const socket of pair) {
      socket.on('error', end);
      if (state === 'silent') socket.pause();
    }
    // In order: what the engine said last must still arrive.
    engine.on('close', () => client.end());
    client.on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server.address()),
    get lost() {
      return lost;
    },
    loseAnswers: (count) => (toLose = count),
    set: (next) => {
      state = next;
      for (const [client, engine] of pairs) {
        if (next === 'down') client.resetAndDestroy();
        for (const socket of [client, engine]) {
          if (next === 'silent') socket.pause();
          else socket.resume();
        }
      }
    },
    close: async () => {
      for (const [client, engine] of pairs) {
        client.destroy();
        engine.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}

/** Passes on what `check` lets pass, no faster than the other end takes it. */
function forward(from: Socket, to: Socket, check: (chunk: Buffer) => boolean): void {
  from.on('data', (chunk: Buffer) => {
    if (!check(chunk)) return;
    if (to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  from.on('end', () => to.end());
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return address.port;
}
