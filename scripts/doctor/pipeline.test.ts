import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../../local/stack/ports.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import type { SlotState } from '../pipeline/counts.ts';
import { STORES } from '../pipeline/reachable.ts';
import {
  checkPipeline,
  judgeStores,
  judgeConnector,
  judgeCounts,
  LAG_MAX,
  SLOT_LAG_BYTES_MAX,
} from './pipeline.ts';

/** A slot and a lag of a pipeline that keeps up. */
const healthy = { slot: { active: true, lagBytes: 100, lost: null }, lag: 5, deadLetters: 0 };
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
      SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await port()}/apis/ccompat/v7`,
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
      `Schema registry does not answer at 127.0.0.1:${new URL(config.SCHEMA_REGISTRY_URL).port}`,
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
    expect(found.filter(({ check }) => check === 'stores')).toHaveLength(5);
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
  const slot = (value: SlotState | null): unknown => judgeCounts({ ...healthy, slot: value })[0];

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
    expect(slot({ active: false, lagBytes: 7, lost: null })).toMatchObject({
      ok: false,
      found: 'nobody reads it, 7 bytes behind',
    });
  });

  test('a slot far behind is bad although it is read', () => {
    expect(slot({ active: true, lagBytes: SLOT_LAG_BYTES_MAX, lost: null })).toMatchObject({
      ok: false,
      found: 'active, 256.0 MiB behind',
    });
  });

  test('a slot that Postgres gave up is bad, be it read or not', () => {
    for (const active of [true, false]) {
      expect(slot({ active, lagBytes: 7, lost: 'wal_removed' })).toEqual({
        check: 'slot',
        ok: false,
        found: 'given up by Postgres (wal_removed): changes that nobody had read are lost',
        advice:
          'run "npm run wick -- connector recover --yes", which makes a new slot and sends all rows once more; or "npm run wick -- connector remove --forget", then "npm run wick -- connector activate", which takes a new snapshot',
      });
    }
  });

  test('an analyzer far behind is bad', () => {
    expect(judgeCounts({ ...healthy, lag: LAG_MAX })[1]).toMatchObject({
      check: 'lag',
      ok: false,
      found: `${LAG_MAX} changes to analyse`,
    });
  });

  test('a record that could not be read is bad', () => {
    expect(judgeCounts({ ...healthy, deadLetters: 2 })[2]).toMatchObject({
      check: 'dead letters',
      ok: false,
      found: '2 records could not be read; what they said is in no table',
      advice: expect.stringContaining('dlq list'),
    });
  });
});

describe('candles', () => {
  const NOWHERE = { buckets: [], ledger: [] };
  const differ = (postgres: number, clickhouse: number) =>
    judgeStores(
      { postgres, clickhouse, buckets: ['a 2025-06-01: b', 'c 2025-06-02: d'], ledger: [] },
      healthy.slot,
    )[0];

  test('that do not differ are fine', () => {
    const same = { postgres: 8, clickhouse: 8, ...NOWHERE };
    for (const divergence of [null, { ...same, ledger: ['gaps a: b'] }]) {
      const [candles] = judgeStores(divergence, healthy.slot);
      expect(candles).toMatchObject({ check: 'candles', ok: true });
    }
  });

  test('missing in ClickHouse are to be sent again, and told where', () => {
    expect(differ(10, 8)).toMatchObject({
      check: 'candles',
      ok: false,
      found:
        '10 closed in Postgres, 8 in ClickHouse, and nothing is on its way; a 2025-06-01: b; c 2025-06-02: d',
      advice: expect.stringMatching(/^send them through again, .*insert into market\.cdc_signal /),
    });
  });

  test('that only ClickHouse has are deletes that were not captured', () => {
    expect(differ(8, 10)).toMatchObject({
      ok: false,
      advice: expect.stringMatching(/^deletes were not captured .*"npm run wick -- reset"/),
    });
  });

  test.each([
    ['no slot', null],
    ['an idle slot', { ...healthy.slot, active: false }],
    ['a lost slot', { ...healthy.slot, lost: 'wal_removed' }],
  ])('are explained by %s, as the ledger is', (_, slot) => {
    const divergence = { postgres: 10, clickhouse: 8, ...NOWHERE, ledger: ['gaps a: b'] };
    const advice = 'nobody captures changes: see to the slot and the connector first';
    expect(judgeStores(divergence, slot)).toMatchObject([
      {
        ok: false,
        found: '10 closed in Postgres, 8 in ClickHouse, and nothing is on its way',
        advice,
      },
      { ok: false, advice },
    ]);
  });
});

describe('the ledger', () => {
  const told = ['gaps a: 2 gaps in Postgres, 1 in ClickHouse'];

  test('that is the same is fine, whatever the candles are', () => {
    const candles = { postgres: 10, clickhouse: 8, buckets: [], ledger: [] };
    for (const divergence of [null, candles]) {
      const [, ledger] = judgeStores(divergence, healthy.slot);
      expect(ledger).toMatchObject({ check: 'ledger', ok: true });
    }
  });

  test('that differs is to be sent again, and told where', () => {
    const divergence = { postgres: 8, clickhouse: 8, buckets: [], ledger: told };
    expect(judgeStores(divergence, healthy.slot)[1]).toMatchObject({
      check: 'ledger',
      ok: false,
      found: `gaps or funding payments differ, and nothing is on its way; ${told.join()}`,
      advice: expect.stringContaining(
        '"data-collections": ["market.gaps", "market.funding_rates", "market.anchors"]',
      ),
    });
  });
});
