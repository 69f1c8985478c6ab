import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { assertFree, describeBusy, freePort, isFree, isListening } from './ports.ts';
import { PORT_VARIABLES, readPorts, STACK_PORTS } from './stack-ports.ts';

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
  );
});

async function listen(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test.each(STACK_PORTS)(
  'a busy port of %s is one sentence that names what moves it',
  async (name) => {
    const port = await listen('127.0.0.1');
    const { variable } = PORT_VARIABLES[name];
    await expect(assertFree(name, port, variable)).rejects.toMatchObject({
      code: 'WICK_LOCAL_PORT_BUSY',
      message: `Port ${port} for ${name} is in use by another program; stop that program or set ${variable} to a free port`,
    });
  },
);

test('a program that listens on all addresses has the port too', async () => {
  expect(await isFree(await listen('0.0.0.0'))).toBe(false);
});

test('a free port is free, and nobody listens there', async () => {
  const port = await freePort();
  expect(await isFree(port)).toBe(true);
  expect(await isListening(port)).toBe(false);
  await assertFree('redis', port, 'REDIS_PORT');
});

test('no free port is given twice', async () => {
  const ports = new Set<number>();
  for (let n = 0; n < 300; n += 1) ports.add(await freePort());
  expect(ports.size).toBe(300);
});

test('a port that may not be listened on is not blamed on another program', async () => {
  const refused = async (): Promise<NodeJS.ErrnoException> =>
    Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
  expect(await describeBusy('redis', 80, 'REDIS_PORT', refused)).toEqual({
    found: 'port 80 for redis cannot be listened on (EACCES)',
    advice: 'set REDIS_PORT to a free port above 1023',
  });
});

describe('the ports of a stack', () => {
  test('are the documented ones unless a variable moves them', () => {
    expect(readPorts({ KAFKA_PORT: '29092', DB_PORT: '' })).toEqual({
      postgres: 15_432,
      redis: 16_379,
      clickhouse: 8123,
      kafka: 29_092,
      kafkaController: 19_093,
      connect: 8083,
      registry: 8081,
      venue: 8089,
      analyzer: 8091,
      scheduler: 8090,
      watchdog: 8093,
    });
  });

  test.each(['0', '65536', '-1', '80.5', '0x50', '1e3', ' 80', 'http'])(
    '"%s" is no port',
    (text) => {
      expect(() => readPorts({ CONNECT_PORT: text })).toThrow(
        `CONNECT_PORT is "${text}"; give a port number from 1 to 65535`,
      );
    },
  );

  test('two services on one port are named before either starts', () => {
    expect(() => readPorts({ REDIS_PORT: '8083' })).toThrow(
      'REDIS_PORT and CONNECT_PORT are both 8083; give each its own port',
    );
  });
});
