/**
 * Postgres gives the slot up while nobody reads it: what was committed meanwhile is lost to change
 * capture. `wick doctor` must say so, and what it advises must bring both stores together again.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CONNECTOR_NAME, REPLICATION_SLOT } from '#core/contracts/names.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { remove } from '../../scripts/commands/connector.ts';
import type { Finding } from '../../scripts/doctor/finding.ts';
import { checkPipeline } from '../../scripts/doctor/pipeline.ts';
import { removeConnector } from '../../connectors/index.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
const candles = walkCandles(80, { symbol: 'SLOT/USDT', seed: 5 });
const TIMEOUT_MS = 30_000;
const TEST_TIMEOUT_MS = 120_000;

beforeAll(async () => {
  await storeCandles(pipeline.pool, candles.slice(0, 60));
  await pipeline.activate();
  await pipeline.startAnalyzer();
  await settle(pipeline);
});

afterAll(() => setIdleTimeout(null));

/** How long Postgres keeps a slot that nobody reads, seconds; null as long as it is configured to. */
async function setIdleTimeout(seconds: number | null): Promise<void> {
  await pipeline.pool.query(
    seconds === null
      ? 'alter system reset idle_replication_slot_timeout'
      : `alter system set idle_replication_slot_timeout = ${seconds}`,
  );
  await pipeline.pool.query('select pg_reload_conf()');
}

async function slotIsLost(): Promise<boolean> {
  // Slots are looked at by checkpoints.
  await pipeline.pool.query('checkpoint');
  const { rows } = await pipeline.pool.query(
    `select from pg_replication_slots where slot_name = $1 and wal_status = 'lost'`,
    [REPLICATION_SLOT],
  );
  return rows.length > 0;
}

async function findings(): Promise<Map<string, Finding>> {
  const found = await checkPipeline(pipeline.config);
  return new Map(found.map((finding) => [finding.check, finding]));
}

async function forget(): Promise<string> {
  for (const [name, value] of Object.entries(pipeline.engines.set.env)) vi.stubEnv(name, value);
  vi.stubEnv('CLICKHOUSE_DATABASE', pipeline.config.CLICKHOUSE_DATABASE);
  let printed = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  try {
    await remove({ forget: true });
  } finally {
    spy.mockRestore();
    vi.unstubAllEnvs();
  }
  return printed;
}

test('a pipeline at work has no finding', async () => {
  expect([...(await findings()).values()].filter(({ ok }) => !ok)).toEqual([]);
});

test(
  'a slot that was given up is found, and forgetting it heals both stores',
  async () => {
    const { pool, config } = pipeline;
    // As an operator would, without a thought of what Connect remembers.
    await removeConnector({ url: config.CONNECT_URL }, CONNECTOR_NAME);
    // Its task may read on for a moment after the answer.
    const letGo = async (): Promise<boolean> =>
      (await pool.query('select 1 from pg_replication_slots where active')).rowCount === 0;
    await waitFor(letGo, { what: 'the slot to be let go', timeoutMs: TIMEOUT_MS });
    await storeCandles(pool, [
      ...candles.slice(60),
      { ...candles[30]!, close: candles[30]!.high, volume: null },
    ]);
    await setIdleTimeout(1);
    await waitFor(slotIsLost, { what: 'the slot to be given up', timeoutMs: TIMEOUT_MS });
    await setIdleTimeout(null);

    const found = await findings();
    expect(found.get('slot')).toMatchObject({
      ok: false,
      found: 'given up by Postgres (idle_timeout): changes that nobody had read are lost',
      advice: expect.stringContaining('connector remove --forget'),
    });
    expect(found.get('connector')).toMatchObject({ ok: false, found: 'not registered' });
    expect(found.get('candles')).toMatchObject({
      ok: false,
      found: expect.stringMatching(
        /^81 closed in Postgres, 61 in ClickHouse, and nothing is on its way; binance-futures\|perp\|SLOT/,
      ),
      advice: 'nobody captures changes: see to the slot and the connector first',
    });

    expect(await forget()).toMatch(/ removed with its slot and its place in the WAL; .*\n$/);
    expect((await findings()).get('slot')).toMatchObject({ found: 'no replication slot' });
    await pipeline.activate();
    await expectBothEndsEqual(pipeline);
    expect([...(await findings()).values()].filter(({ ok }) => !ok)).toEqual([]);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a candle that got lost behind the topic is found and sent through again as advised',
  async () => {
    const { pool, clickhouse } = pipeline;
    for (const table of ['candles', 'candle_revisions', 'features', 'signals', 'analyzer_state']) {
      await clickhouse.command({ query: `truncate table ${table}` });
    }
    const found = (await findings()).get('candles');
    expect(found).toMatchObject({ ok: false, advice: expect.stringContaining('cdc_signal') });
    const statement = /(insert into .*)$/.exec(found?.advice ?? '')?.[1];
    await pool.query(statement ?? '');
    const healed = async (): Promise<boolean> => (await findings()).get('candles')?.ok === true;
    await waitFor(healed, { what: 'the candles to be back', timeoutMs: TIMEOUT_MS });
    await expectBothEndsEqual(pipeline);
  },
  TEST_TIMEOUT_MS,
);
