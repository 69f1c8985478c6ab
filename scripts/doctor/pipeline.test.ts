import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../../local/stack/ports.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import { STORES } from '../pipeline/reachable.ts';
import {
  checkPipeline,
  judgeConnector,
  judgeCounts,
  LAG_MAX,
  SLOT_LAG_BYTES_MAX,
} from './pipeline.ts';

const running = { connector: 'RUNNING', tasks: ['RUNNING'], failure: null };
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
  );
});

/** Stores of which none answers but, where given, Kafka Connect. */
async function silentConfig(connectPort?: number): Promise<Config> {
  const port = async (): Promise<string> => String(await freePort());
  return loadConfig({
    env: {
      DB_PORT: await port(),
      DB_PASSWORD: 'x',
      CDC_PASSWORD: 'x',
      KAFKA_BROKERS: `127.0.0.1:${await port()},127.0.0.1:${await port()}`,
      CONNECT_URL: `http://127.0.0.1:${connectPort ?? (await port())}`,
      CLICKHOUSE_PORT: await port(),
      CLICKHOUSE_PASSWORD: 'x',
      REDIS_PORT: await port(),
      REDIS_PASSWORD: 'x',
      WICK_ENV_FILE: '/nowhere',
    },
  });
}

async function serveConnect(status: number, body: unknown): Promise<number> {
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('the stores', () => {
  test('that do not answer are named with their addresses', async () => {
    const config = await silentConfig();
    const found = await checkPipeline(config);
    expect(found.map(({ found: text }) => text)).toEqual([
      `Postgres does not answer at 127.0.0.1:${config.DB_PORT}`,
      `Kafka does not answer at ${config.KAFKA_BROKERS.split(',')[0]}`,
      `Kafka Connect does not answer at ${config.CONNECT_URL.slice(7)}`,
      `ClickHouse does not answer at 127.0.0.1:${config.CLICKHOUSE_PORT}`,
      `Redis does not answer at 127.0.0.1:${config.REDIS_PORT}`,
    ]);
    expect(found.every(({ ok, advice }) => !ok && advice !== null)).toBe(true);
    expect(found).toHaveLength(STORES.length);
  });

  test('that answer are asked although others do not', async () => {
    const absent = { error_code: 404, message: 'No status found' };
    const config = await silentConfig(await serveConnect(404, absent));
    const found = await checkPipeline(config);
    expect(found.filter(({ check }) => check === 'stores')).toHaveLength(4);
    expect(found.at(-1)).toMatchObject({ check: 'connector', found: 'not registered' });
  });

  test('of which Connect answers with an error are reported, not thrown', async () => {
    const config = await silentConfig(await serveConnect(500, { message: 'rebalance' }));
    expect((await checkPipeline(config)).at(-1)).toMatchObject({
      check: 'connector',
      ok: false,
      found: expect.stringContaining('(500)'),
    });
  });
});

describe('the connector', () => {
  test('that runs is fine', () => {
    expect(judgeConnector(running)).toMatchObject({ ok: true });
  });

  test('that is absent is to be activated', () => {
    expect(judgeConnector({ connector: 'absent', tasks: [], failure: null })).toEqual({
      check: 'connector',
      ok: false,
      found: 'not registered',
      advice: 'run "npm run wick -- connector activate" or the curl of the README',
    });
  });

  test('whose task failed says why', () => {
    const failed = { ...running, tasks: ['FAILED'], failure: 'PSQLException: slot is active' };
    expect(judgeConnector(failed)).toMatchObject({
      ok: false,
      found: 'RUNNING, FAILED: PSQLException: slot is active',
    });
  });

  test.each([
    ['without a task', { ...running, tasks: [] }, 'RUNNING without a task: no reason given'],
    ['that is paused', { ...running, connector: 'PAUSED' }, 'PAUSED, RUNNING: no reason given'],
  ])('%s is bad', (_, status, found) => {
    expect(judgeConnector(status)).toMatchObject({ ok: false, found });
  });
});

describe('slot and lag', () => {
  const healthy = { slot: { active: true, lagBytes: 100 }, lag: 5 };
  const slot = (value: (typeof healthy)['slot'] | null): unknown =>
    judgeCounts({ ...healthy, slot: value })[0];

  test('of a pipeline that keeps up are fine', () => {
    expect(judgeCounts(healthy).every(({ ok }) => ok)).toBe(true);
  });

  test('without a slot nothing is captured', () => {
    expect(slot(null)).toMatchObject({
      check: 'slot',
      ok: false,
      found: 'no replication slot',
      advice: 'activate the connector: "npm run wick -- connector activate"',
    });
  });

  test('an idle slot keeps WAL for nobody', () => {
    expect(slot({ active: false, lagBytes: 7 })).toMatchObject({
      ok: false,
      found: 'nobody reads it, 7 bytes behind',
    });
  });

  test('a slot far behind is bad although it is read', () => {
    expect(slot({ active: true, lagBytes: SLOT_LAG_BYTES_MAX })).toMatchObject({
      ok: false,
      found: `active, ${SLOT_LAG_BYTES_MAX} bytes behind`,
    });
  });

  test('an analyzer far behind is bad', () => {
    expect(judgeCounts({ ...healthy, lag: LAG_MAX })[1]).toMatchObject({
      check: 'lag',
      ok: false,
      found: `${LAG_MAX} changes to analyse`,
    });
  });
});
