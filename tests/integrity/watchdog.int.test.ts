/**
 * Change capture breaks in each of the ways that lose data quietly. The watchdog must tell within a minute,
 * the runbook command must heal, and both stores must be equal afterwards: rows were written all the while.
 */
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { CONNECTOR_NAME, REPLICATION_SLOT } from '#core/contracts/names.ts';
import { systemClock } from '#platform/clock.ts';
import { connectorStatus, knownSources } from '../../connectors/index.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { recover } from '../../scripts/commands/recover.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

/** What is promised. */
const ALARM_MS = 60_000;
const TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 300_000;

const pipeline = usePipeline({
  expectedLogs: [
    // The watchdog tells what is provoked here.
    /"alarm":"/,
    /restarting the connector/,
    /the connector is not restarted yet/,
    // Postgres and Debezium do, too.
    /terminating connection due to administrator command/,
    /terminating walsender process/,
    /is not permitted to log in/,
    /replication slot "wickstream" does not exist/,
    /can no longer access replication slot/,
    /Cannot obtain valid replication slot/,
    /no longer available on the server/,
    /Graceful stop of task .* failed/,
    /Producer failure|WorkerSourceTask|Couldn't obtain|Exception|slot/i,
  ],
});

const candles = walkCandles(400, { symbol: 'WATCH/USDT', seed: 23 });
let next = 0;

/** The next ones of the series, and the one before the first of them once more with another close. */
async function write(count: number): Promise<void> {
  const rows: Candle[] = candles.slice(next, next + count);
  const before = candles[next - 1];
  next += count;
  const revised = before === undefined ? [] : [{ ...before, close: before.high, volume: null }];
  await storeCandles(pipeline.pool, [...revised, ...rows]);
}

async function alarms(): Promise<string[]> {
  const { watchdog } = pipeline.engines.set.ports;
  const answer = await fetch(`http://127.0.0.1:${watchdog}/metrics`);
  const found = (await answer.text()).matchAll(/^wick_watch_alarm\{kind="(\w+)".*\} 1$/gm);
  return [...found].map(([, kind]) => kind ?? '');
}

async function untilAlarm(kind: string): Promise<void> {
  const stands = async (): Promise<boolean> => (await alarms()).includes(kind);
  await waitFor(stands, { what: `the alarm ${kind}`, timeoutMs: ALARM_MS });
}

async function untilQuiet(): Promise<void> {
  const isQuiet = async (): Promise<boolean> => (await alarms()).length === 0;
  await waitFor(isQuiet, { what: 'all alarms to end', timeoutMs: TIMEOUT_MS });
}

async function states(): Promise<readonly string[]> {
  const { connector, tasks } = await connectorStatus(
    { url: pipeline.config.CONNECT_URL },
    CONNECTOR_NAME,
  );
  return [connector, ...tasks];
}

async function endReader(): Promise<void> {
  await pipeline.pool.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where active',
  );
}

/** As an operator would, without a thought of who reads it. */
async function dropSlot(): Promise<void> {
  const dropped = async (): Promise<boolean> => {
    await endReader();
    await pipeline.pool.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active',
    );
    const { rowCount } = await pipeline.pool.query('select from pg_replication_slots');
    return rowCount === 0;
  };
  await waitFor(dropped, { what: 'the slot to be dropped', timeoutMs: TIMEOUT_MS });
}

async function untilSlot(condition: string): Promise<void> {
  const holds = async (): Promise<boolean> => {
    const { rowCount } = await pipeline.pool.query(
      `select from pg_replication_slots where slot_name = $1 and ${condition}`,
      [REPLICATION_SLOT],
    );
    return rowCount === 1;
  };
  await waitFor(holds, { what: `a slot that is ${condition}`, timeoutMs: TIMEOUT_MS });
}

async function runRecover(): Promise<string> {
  for (const [name, value] of Object.entries(pipeline.engines.set.env)) vi.stubEnv(name, value);
  vi.stubEnv('CLICKHOUSE_DATABASE', pipeline.config.CLICKHOUSE_DATABASE);
  let printed = '';
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const progress = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  try {
    await recover({ yes: true, json: true });
  } finally {
    out.mockRestore();
    progress.mockRestore();
    vi.unstubAllEnvs();
  }
  return printed;
}

beforeAll(async () => {
  await write(60);
  await pipeline.activate();
  await pipeline.startAnalyzer();
  await pipeline.startWatchdog();
  await settle(pipeline);
});

beforeEach(untilQuiet);

test('the server is written down once changes of it were captured', async () => {
  const known = knownSources(pipeline.clickhouse, systemClock);
  const isKnown = async (): Promise<boolean> => (await known.read()) !== null;
  await waitFor(isKnown, { what: 'the server to be known', timeoutMs: TIMEOUT_MS });
  const { rows } = await pipeline.pool.query<{ id: string; lsn: string }>(
    `select system_identifier::text as id, (pg_current_wal_flush_lsn() - '0/0')::text as lsn
     from pg_control_system()`,
  );
  const found = await known.read();
  expect(found).toMatchObject({ systemIdentifier: rows[0]?.id, timeline: 1 });
  expect(found!.lsn).toBeLessThanOrEqual(BigInt(rows[0]?.lsn ?? '0'));
});

test('the slot is made as one that follows a failover', async () => {
  await untilSlot('failover and active');
});

test(
  'a task that failed is restarted, and nothing is lost',
  async () => {
    const role = pipeline.config.CDC_USER;
    await pipeline.pool.query(`alter role ${role} nologin`);
    await endReader();
    const hasFailed = async (): Promise<boolean> => (await states()).includes('FAILED');
    await waitFor(hasFailed, { what: 'the task to fail', timeoutMs: TIMEOUT_MS });
    await write(20);
    await pipeline.pool.query(`alter role ${role} login`);
    const runs = async (): Promise<boolean> =>
      (await states()).every((state) => state === 'RUNNING');
    await waitFor(runs, { what: 'the task to run again', timeoutMs: ALARM_MS });
    await expectBothEndsEqual(pipeline);
  },
  TEST_TIMEOUT_MS,
);

describe('an alarm within a minute, and equal stores after the runbook command,', () => {
  test(
    'when the slot is dropped while rows are written',
    async () => {
      await dropSlot();
      await write(30);
      await untilAlarm('slot_missing');
      await write(10);
      const result: unknown = JSON.parse(await runRecover());
      expect(result).toMatchObject({
        found: expect.arrayContaining([expect.objectContaining({ kind: 'slot_missing' })]),
        rows: { 'market.candles': expect.any(Number) },
      });
      await untilQuiet();
      await write(10);
      await expectBothEndsEqual(pipeline);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'when somebody moves the slot on, though Debezium reads on as if nothing had been',
    async () => {
      const { keeper } = pipeline.engines;
      await keeper.stop('connect');
      await untilSlot('not active');
      await write(30);
      await pipeline.pool.query('select pg_replication_slot_advance($1, pg_current_wal_lsn())', [
        REPLICATION_SLOT,
      ]);
      await keeper.start('connect');
      await untilAlarm('slot_ahead');
      // It holds the restart_lsn against its place, which an advance leaves behind.
      await untilSlot('active');
      await settle(pipeline);
      expect(await states()).toEqual(['RUNNING', 'RUNNING']);
      const isHidden = async (): Promise<boolean> => (await alarms()).join() === 'changes_lost';
      await waitFor(isHidden, { what: 'only the loss to be left', timeoutMs: TIMEOUT_MS });
      expect(await runRecover()).toContain('"found"');
      await untilQuiet();
      await write(10);
      await expectBothEndsEqual(pipeline);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'when Postgres gives the slot up, while Connect says that all is running',
    async () => {
      const { keeper } = pipeline.engines;
      await keeper.stop('connect');
      await untilSlot('not active');
      await write(30);
      await pipeline.pool.query('alter system set idle_replication_slot_timeout = 1');
      await pipeline.pool.query('select pg_reload_conf()');
      const isLost = async (): Promise<boolean> => {
        await pipeline.pool.query('checkpoint');
        const { rowCount } = await pipeline.pool.query(
          `select from pg_replication_slots where wal_status = 'lost'`,
        );
        return rowCount === 1;
      };
      await waitFor(isLost, { what: 'the slot to be given up', timeoutMs: TIMEOUT_MS });
      await pipeline.pool.query('alter system reset idle_replication_slot_timeout');
      await pipeline.pool.query('select pg_reload_conf()');
      await untilAlarm('slot_lost');
      await keeper.start('connect');
      const seemsToRun = async (): Promise<boolean> =>
        (await states()).join() === 'RUNNING,RUNNING';
      await waitFor(seemsToRun, { what: 'Connect to say RUNNING', timeoutMs: TIMEOUT_MS });
      expect(await alarms()).toContain('slot_lost');
      await runRecover();
      await untilQuiet();
      await write(10);
      await expectBothEndsEqual(pipeline);
    },
    TEST_TIMEOUT_MS,
  );
});
