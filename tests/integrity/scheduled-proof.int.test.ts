/**
 * The scheduler's proof on a pipeline at work: a job of kind `reconcile` is done while both stores are equal,
 * fails with the candle's name where they are not, and tells both in Postgres and as metrics.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { seriesKey, type Candle } from '#core/candle.ts';
import { formatInstant } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { waitFor } from '../../local/stack/wait.ts';
import type { Job } from '../../scheduler/job.ts';
import { reconcileKindWith } from '../../scheduler/reconcile-job.ts';
import { createVenues } from '../../scheduler/venues.ts';
import { Watermarks } from '../../scheduler/watermarks.ts';
import { recordLogger } from '../support/recorded-logger.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline({ expectedLogs: [/job failed/] });
const PATIENCE = { timeout: 300_000 };
/** The market is of 2025: the last days are those of its newest candle. */
const DECLARED = { name: 'proof', kind: 'reconcile', historyDays: 3, retries: 0 };
const JOB: Job = {
  ...DECLARED,
  timing: null,
  atStart: true,
  after: [],
  retryMs: 100,
  timeoutMs: 60_000,
  series: [],
  stored: false,
  select: null,
  exchanges: [],
  usedVenues: false,
};
const candles = walkCandles(1_500, { symbol: 'PROVEN/USDT', seed: 31 });

beforeAll(async () => {
  await pipeline.activate();
  await pipeline.startAnalyzer();
  await storeCandles(pipeline.pool, candles);
  await settle(pipeline);
  const file = join(pipeline.engines.set.folder, 'proof-jobs.json');
  const jobs = [{ ...DECLARED, cron: '*/5 * * * * *', atStart: true }];
  await writeFile(file, JSON.stringify({ jobs }));
  await pipeline.startScheduler({ SCHEDULER_JOBS: file });
});

interface Run {
  readonly state: string;
  readonly error: string | null;
  readonly report: Readonly<Record<string, unknown>> | null;
}

async function lastRun(): Promise<Run & { readonly id: string }> {
  const { rows } = await pipeline.pool.query<Run & { readonly id: string }>(
    `select id::text, state, error, report from market.job_runs
     where job = 'proof' and state <> 'running' order by id desc limit 1`,
  );
  return rows[0] ?? { id: '0', state: 'none', error: null, report: null };
}

async function nextRun(state: string): Promise<Run> {
  const before = await lastRun();
  let found = before;
  const ended = async (): Promise<boolean> => {
    found = await lastRun();
    return BigInt(found.id) > BigInt(before.id) && found.state === state;
  };
  await waitFor(ended, { what: `a proof to be ${state}`, timeoutMs: 200_000 });
  return found;
}

async function gauge(name: string): Promise<number> {
  const port = pipeline.engines.set.ports.scheduler;
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`wick_reconcile_${name}{`));
  return Number(line?.split(' ').at(-1) ?? NaN);
}

test('it is done while both stores are equal', PATIENCE, async () => {
  const { report } = await nextRun('done');
  expect(report).toMatchObject({ verdict: 'equal', differing: 0, unsettled: 0 });
  expect(Number(report!['candles'])).toBeGreaterThanOrEqual(candles.length);
  expect(await gauge('buckets')).toBe(Number(report!['days']));
  expect(await gauge('buckets_differing')).toBe(0);
  expect(await gauge('last_equal_seconds')).toBeGreaterThan(1_700_000_000);
});

/** Behind the analyzer's back. */
async function forget(lost: Candle): Promise<void> {
  for (const table of ['candles', 'candle_revisions', 'features', 'signals']) {
    await pipeline.clickhouse.command({
      query: `alter table ${table} delete where symbol = '${lost.symbol}'
                and toUnixTimestamp64Milli(open_time) = ${lost.openTime}
              settings mutations_sync = 2`,
    });
  }
}

const told = (lost: Candle): string =>
  `${seriesKey(lost)} ${formatInstant(lost.openTime)}: missing in ClickHouse`;

test('it fails, with the name of the candle, where they are not', PATIENCE, async () => {
  const { pool, config } = pipeline;
  const { logger } = recordLogger();
  const clock = systemClock;
  const absent = { get: async () => null, set: async () => null, del: async () => 0 };
  const services = {
    config,
    pool,
    clock,
    logger,
    venues: createVenues({ config, clock }),
    watermarks: new Watermarks(pool, absent, logger),
  };
  const work = reconcileKindWith([100]).prepare(JOB, services);
  const lost = candles[700]!;
  await forget(lost);
  const { failures, report } = await work(new AbortController().signal);
  expect(failures).toEqual([expect.stringContaining(told(lost))]);
  expect(report).toMatchObject({ verdict: 'different', differing: 1, looks: 2 });
  // One that is to end does so, and says nothing of the stores.
  await expect(work(AbortSignal.abort(new Error('ended')))).rejects.toThrow('ended');
});

/** Some three minutes; WICK_LONG=1 runs it. */
const long = test.runIf(process.env['WICK_LONG'] === '1');

long('the scheduler that runs it tells so in its records and metrics', PATIENCE, async () => {
  const lost = candles[800]!;
  await forget(lost);
  const { error, report } = await nextRun('failed');
  expect(error).toContain(told(lost));
  expect(report).toMatchObject({ verdict: 'different', looks: 6 });
  expect(await gauge('buckets_differing')).toBeGreaterThan(0);
  const equalAt = await gauge('last_equal_seconds');
  expect(await gauge('last_proof_seconds')).toBeGreaterThan(equalAt);
});
