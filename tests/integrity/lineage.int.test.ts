/**
 * `wick lineage` on the real pipeline: the whole chain of a signal, by name and by id, held against the record
 * of Kafka and against the venue's answer; and what it says where a link is gone, or is not what it was.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { seriesKey, type Candle } from '#core/candle.ts';
import { epochMs, formatInstant, parseInstant } from '#core/time.ts';
import { finishRun } from '../../etl/load/finish-run.ts';
import { loadBatch } from '../../etl/load/load-batch.ts';
import { startRun } from '../../etl/load/start-run.ts';
import { signalId } from '../../scripts/pipeline/lineage/signal-id.ts';
import { traceSignal, type Lineage } from '../../scripts/pipeline/lineage/trace.ts';
import { PRODUCTION_RULES } from '../support/evaluations.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
const WICK = join(import.meta.dirname, '..', '..', 'scripts', 'wick.ts');
const PATIENCE = { timeout: 120_000 };
const candles = walkCandles(400, { symbol: 'TRACED/USDT', seed: 21 });
const [SERIES] = [candles[0]!];
const FETCHED_AT = parseInstant('2025-06-02T00:00:00Z');
const [REVISED, DELETED, UNKNOWN_RUN] = [300, 350, 399];

beforeAll(async () => {
  await pipeline.activate();
  await pipeline.startAnalyzer();
  await ingest('collect', candles.slice(0, UNKNOWN_RUN), '[["the first answer"]]');
  await settle(pipeline);
  const old = candles[REVISED]!;
  await ingest('gaps', [{ ...old, close: old.high }], '[["the second answer"]]');
  // No run and no payload of it were ever kept.
  await storeCandles(pipeline.pool, [candles[UNKNOWN_RUN]!]);
  await pipeline.pool.query(
    `delete from market.candles where symbol = $1::text and open_time = $2::timestamptz`,
    [SERIES.symbol, formatInstant(candles[DELETED]!.openTime)],
  );
  await settle(pipeline);
});

async function ingest(job: string, accepted: readonly Candle[], body: string): Promise<void> {
  const { pool } = pipeline;
  const range = { from: accepted[0]!.openTime, to: epochMs(accepted.at(-1)!.openTime + 60_000) };
  const runId = await startRun(pool, { job, series: SERIES, ...range });
  const raw = { url: `https://venue.test/${job}`, fetchedAt: FETCHED_AT, body };
  await loadBatch(pool, runId, SERIES, [{ accepted, rejects: [], raw }]);
  await finishRun(pool, runId, null);
}

const nameOf = (candle: Candle): string => `${seriesKey(candle)}@${formatInstant(candle.openTime)}`;

function trace(candle: Candle, verify = false, id = nameOf(candle)): Promise<Lineage> {
  const { pool, clickhouse, kafka, admin } = pipeline;
  const topics = { kafka, admin };
  return traceSignal({ pool, clickhouse, topics, rules: PRODUCTION_RULES }, id, verify);
}

test(
  'a signal is followed to its record, its run and the text of its payload',
  PATIENCE,
  async () => {
    const candle = candles[200]!;
    const chain = await trace(candle, true);
    expect(chain).toMatchObject({
      id: signalId(candle),
      openTime: formatInstant(candle.openTime),
      signal: { status: 'active', is_deleted: 0, rule_set: 'core-trend.v1', model_version: null },
      features: { status: 'active', feature_set_hash: chain.hashes.featureSet.running },
      cause: { what: 'candle', at: formatInstant(candle.openTime) },
      revisions: [{ op: 'c', close: candle.close, source: candle.source, revision: 0 }],
      record: { topic: 'wickstream.market.candles', gone: null },
      verified: { follows: true, differs: [] },
      run: { job: 'collect', state: 'done', inserted: String(UNKNOWN_RUN) },
      raw: { url: 'https://venue.test/collect', bytes: 22, matches: true },
      hashes: { model: null },
    });
    expect(await trace(candle, true, signalId(candle))).toEqual(chain);
  },
);

test(
  'a revised candle shows both changes, and the signal is about the newer one',
  PATIENCE,
  async () => {
    const chain = await trace(candles[REVISED]!, true);
    expect(chain.revisions.map(({ op, revision }) => ({ op, revision }))).toEqual([
      { op: 'u', revision: 1 },
      { op: 'c', revision: 0 },
    ]);
    expect(chain).toMatchObject({
      basis: { version: chain.revisions[0]!.version },
      run: { job: 'gaps' },
      raw: { url: 'https://venue.test/gaps', matches: true },
      verified: { follows: true },
    });
    // What follows it was written again for its sake.
    expect(await trace(candles[REVISED + 1]!)).toMatchObject({
      cause: { what: 'candle', at: formatInstant(candles[REVISED]!.openTime) },
      revisions: [{ op: 'c' }],
      verified: null,
    });
  },
);

test('links that are not there say why', PATIENCE, async () => {
  expect(await trace(candles[UNKNOWN_RUN]!)).toMatchObject({
    raw: { missing: expect.stringMatching(/^not recorded: .* names no payload$/) },
  });
  expect(await trace(candles[DELETED]!, true)).toMatchObject({
    signal: { is_deleted: 1, status: 'retracted' },
    features: { is_deleted: 1 },
    revisions: [{ op: 'd', is_deleted: 1 }, { op: 'c' }],
    run: { missing: 'a delete has no run' },
    verified: { follows: true },
  });
  await expect(trace({ ...SERIES, openTime: epochMs(SERIES.openTime - 60_000) })).rejects.toThrow(
    'neither a signal nor a change',
  );
});

test(
  'the command tells the chain, and exits with 1 where a link is not what it was',
  PATIENCE,
  async () => {
    const { pool, clickhouse } = pipeline;
    const whole = await wick(nameOf(candles[200]!), '--verify');
    expect(whole).toMatchObject({ code: 0 });
    expect(whole.stdout).toMatch(
      /^kafka +wickstream\.market\.candles partition \d+ offset \d+, still there$/m,
    );
    expect(whole.stdout).toContain('verified: read again, and the ledger says what it says');
    expect(whole.stdout).toContain('computed again and equal');
    // The ledger of one candle, and the text of a payload.
    await clickhouse.command({
      query: `alter table candle_revisions update close = toDecimal128('1.5', 18)
            where symbol = 'TRACED/USDT' and toUnixTimestamp64Milli(open_time) = ${candles[201]!.openTime}
            settings mutations_sync = 2`,
    });
    const other = await wick(nameOf(candles[201]!), '--verify');
    expect(other.code).toBe(1);
    expect(other.stdout).toContain(
      `NOT what the ledger says: close is ${candles[201]!.close} in the record and 1.5 in the ledger`,
    );
    // What Kafka no longer holds is told, and is not verified.
    await clickhouse.command({
      query: `alter table candle_revisions update kafka_offset = 999999
              where symbol = 'TRACED/USDT' and toUnixTimestamp64Milli(open_time) = ${candles[202]!.openTime}
              settings mutations_sync = 2`,
    });
    const lost = [await wick(nameOf(candles[202]!)), await wick(nameOf(candles[202]!), '--verify')];
    expect(lost.map(({ code }) => code)).toEqual([0, 1]);
    expect(lost[0]!.stdout).toContain('the topic was made anew since');
    await pool.query(
      `update market.raw_payloads set sha256 = decode(repeat('ab', 32), 'hex') where url like '%/gaps'`,
    );
    const damaged = await wick(nameOf(candles[REVISED]!), '--json');
    expect(damaged.code).toBe(1);
    expect(JSON.parse(damaged.stdout)).toMatchObject({ raw: { matches: false } });
    await pool.query(`delete from market.raw_payloads where url like '%/gaps'`);
    const pruned = await wick(signalId(candles[REVISED]!), '--json');
    expect(pruned.code).toBe(0);
    expect(JSON.parse(pruned.stdout)).toMatchObject({
      raw: { missing: expect.stringContaining('RETAIN_RAW_DAYS') },
    });
    for (const id of ['BTC/USDT', `${seriesKey(SERIES)}@noon`, 'f'.repeat(64)]) {
      expect((await wick(id)).code, id).toBe(2);
    }
  },
);

interface Ended {
  readonly code: number;
  readonly stdout: string;
}

function wick(...args: readonly string[]): Promise<Ended> {
  const { engines, config } = pipeline;
  const own = { CLICKHOUSE_DATABASE: config.CLICKHOUSE_DATABASE, LOG_LEVEL: 'error' };
  const env = { ...process.env, ...engines.set.env, ...own };
  return new Promise((resolve) => {
    execFile(process.execPath, [WICK, 'lineage', ...args], { env }, (error, stdout) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout }),
    );
  });
}
