/** The transport against a real WebSocket server that behaves as venues and networks do on bad days. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { systemClock } from '#platform/clock.ts';
import { openSocket, type Socket, type SocketEvent, type SocketOptions } from './socket.ts';

let server: WebSocketServer;
let stop: AbortController;
let slept: number[];
let onConnection: (socket: WebSocket, connection: number) => void;
let connections = 0;

beforeEach(async () => {
  stop = new AbortController();
  slept = [];
  connections = 0;
  onConnection = () => undefined;
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    connections += 1;
    onConnection(socket, connections);
  });
});

afterEach(async () => {
  stop.abort();
  for (const client of server.clients) client.terminate();
  await new Promise((resolve) => server.close(resolve));
});

function open(changes: Partial<SocketOptions> = {}): Socket {
  const { port } = server.address() as AddressInfo;
  return openSocket({
    venue: 'test',
    url: `ws://127.0.0.1:${port}`,
    subscribe: [],
    keepAlive: null,
    silenceMsMax: 60_000,
    lifetimeMsMax: 86_400_000,
    clock: systemClock,
    random: () => 0,
    sleep: async (ms) => {
      slept.push(ms);
    },
    signal: stop.signal,
    ...changes,
  });
}

/** Text frames arrive in one piece. */
function textOf(data: RawData): string {
  if (!Buffer.isBuffer(data)) throw new Error('a frame in pieces');
  return data.toString('utf8');
}

/** Events up to the first that fits; what follows is left. */
async function until(
  socket: Socket,
  fits: (event: SocketEvent) => boolean,
): Promise<SocketEvent[]> {
  const seen: SocketEvent[] = [];
  for (;;) {
    const next = await socket.events.next();
    if (next.done === true) return seen;
    seen.push(next.value);
    if (fits(next.value)) return seen;
  }
}

const isFrame = (event: SocketEvent): boolean => event.kind === 'frame';
const isLost = (event: SocketEvent): boolean => event.kind === 'lost';

test('it asks once connected, and tells frames in order with our time', async () => {
  onConnection = (socket) => {
    socket.on('message', (data) => {
      socket.send(`re: ${textOf(data)}`);
    });
  };
  const socket = open({ subscribe: ['one', 'two'] });
  const before = systemClock.now();
  const events = await until(socket, (event) => event.kind === 'frame' && event.text === 're: two');
  expect(events).toEqual([
    { kind: 'opened', connection: 1 },
    { kind: 'frame', text: 're: one', receivedAt: expect.any(Number) },
    { kind: 'frame', text: 're: two', receivedAt: expect.any(Number) },
  ]);
  for (const event of events) {
    if (event.kind === 'frame') expect(event.receivedAt).toBeGreaterThanOrEqual(before);
  }
});

test('a connection that the venue ends is told as lost, and made again and asked again', async () => {
  const asked: string[] = [];
  onConnection = (socket, connection) => {
    socket.on('message', (data) => {
      asked.push(textOf(data));
      if (connection === 1) socket.close(1001, 'going away');
      else socket.send('welcome back');
    });
  };
  const socket = open({ subscribe: ['series'] });
  const events = await until(socket, isFrame);
  expect(events.map(({ kind }) => kind)).toEqual(['opened', 'lost', 'opened', 'frame']);
  expect(events[1]).toMatchObject({ reason: 'closed with 1001 "going away"' });
  expect(asked).toEqual(['series', 'series']);
});

test('what was received before a loss is told before it', async () => {
  onConnection = (socket, connection) => {
    if (connection > 1) return;
    for (let index = 0; index < 100; index += 1) socket.send(String(index));
    socket.close(1000);
  };
  const events = await until(open(), isLost);
  expect(events.flatMap((event) => (event.kind === 'frame' ? [event.text] : []))).toEqual(
    Array.from({ length: 100 }, (_, index) => String(index)),
  );
});

test('pauses grow while a venue refuses connections, up to a bound', async () => {
  onConnection = (socket) => socket.terminate();
  const socket = open();
  for (let losses = 0; losses < 9; losses += 1) await until(socket, isLost);
  await until(socket, (event) => event.kind === 'opened');
  expect(slept).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
});

test('a connection that answers not even pings is given up', async () => {
  // Raw TCP that completes the handshake and then says nothing.
  const { createHash } = await import('node:crypto');
  const mute = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      const key = /sec-websocket-key: (\S+)/i.exec(data.toString('latin1'))?.[1] ?? '';
      const accept = createHash('sha1')
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
  });
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  try {
    const { port } = mute.address() as AddressInfo;
    const events = await until(open({ url: `ws://127.0.0.1:${port}`, silenceMsMax: 90 }), isLost);
    expect(events.at(-1)).toEqual({ kind: 'lost', reason: 'nothing heard for 90 ms' });
  } finally {
    stop.abort();
    await new Promise((resolve) => mute.close(resolve));
  }
});

test('a venue that answers pings is not silent, however little it tells', async () => {
  let pings = 0;
  onConnection = (socket) => {
    socket.on('ping', () => {
      pings += 1;
      if (pings === 9) socket.send('still here');
    });
  };
  // Three pings fit the allowed silence, so nine of them last three times as long.
  const events = await until(open({ silenceMsMax: 90 }), isFrame);
  expect(events.map(({ kind }) => kind)).toEqual(['opened', 'frame']);
});

test('a connection is replaced when it is as old as it may get', async () => {
  const socket = open({ silenceMsMax: 60, lifetimeMsMax: 100 });
  const events = await until(socket, (event) => event.kind === 'opened' && event.connection === 2);
  expect(events.map(({ kind }) => kind)).toEqual(['opened', 'lost', 'opened']);
  expect(events[1]).toMatchObject({ reason: 'as old as it may get, 100 ms' });
});

test('a keep-alive frame is sent again and again', async () => {
  onConnection = (socket) => {
    let heard = 0;
    socket.on('message', (data) => {
      heard += 1;
      if (heard === 3) socket.send(`third ${textOf(data)}`);
    });
  };
  const socket = open({ keepAlive: { frame: '{"method":"ping"}', everyMs: 10 } });
  const events = await until(socket, isFrame);
  expect(events.at(-1)).toMatchObject({ text: 'third {"method":"ping"}' });
});

test('a reader can give a connection up', async () => {
  onConnection = (socket, connection) => socket.send(`hello ${connection}`);
  const socket = open();
  await until(socket, isFrame);
  socket.drop('frames are missing');
  const events = await until(socket, isFrame);
  expect(events).toEqual([
    { kind: 'lost', reason: 'frames are missing' },
    { kind: 'opened', connection: 2 },
    { kind: 'frame', text: 'hello 2', receivedAt: expect.any(Number) },
  ]);
});

test('a reader that falls behind loses the connection and learns of it', async () => {
  const ended = Promise.withResolvers<void>();
  onConnection = (socket, connection) => {
    if (connection > 1) return;
    socket.on('close', () => ended.resolve());
    for (let index = 0; index < 20_010; index += 1) socket.send('x');
  };
  const socket = open();
  await until(socket, (event) => event.kind === 'opened');
  await ended.promise;
  const events = await until(socket, isLost);
  expect(events.at(-1)).toEqual({ kind: 'lost', reason: '20000 frames wait to be read' });
});

test('it ends with its signal, connected or not', async () => {
  const socket = open();
  await until(socket, (event) => event.kind === 'opened');
  stop.abort();
  expect(await socket.events.next()).toEqual({ done: true, value: undefined });
});
