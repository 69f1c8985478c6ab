/**
 * `wick reconcile` on a pipeline at work: equal while candles and revisions keep coming, each kind of
 * damage found with its candle named, and healed. Damage is planted in ClickHouse behind everybody's back.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { seriesKey, type Candle } from '#core/candle.ts';
import { formatInstant, epochMs } from '#core/time.ts';
import { readRows } from '#platform/clickhouse.ts';
import { producerOf } from '../../analyzer/running-rules.ts';
import { takeBarrier } from '../../proof/barrier.ts';
import { describeDamage } from '../../proof/damage.ts';
import { healAndProve } from '../../proof/heal.ts';
import { prove, type Proof, type ProofOptions } from '../../proof/prove.ts';
import { PRODUCTION_RULES } from '../support/evaluations.ts';
import { ensureMonths, storeCandles, writeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline({
  // One test holds a writer's transaction open.
  expectedLogs: [/canceling statement due to lock timeout/],
});
const WICK = join(import.meta.dirname, '..', '..', 'scripts', 'wick.ts');
/** An idle slot confirms every 5 s, and a proof waits for that; healing takes three of them. */
const PATIENCE = { timeout: 180_000 };
const TABLES = ['candles', 'candle_revisions', 'features', 'signals'] as const;
const SNAPSHOT = walkCandles(1_500, { symbol: 'FIRST/USDT', seed: 1 });
const STREAM = walkCandles(1_500, { symbol: 'LATER/USDT', seed: 2 });
const MOVING = walkCandles(4_000, { symbol: 'MOVING/USDT', seed: 3 });

beforeAll(async () => {
  await storeCandles(pipeline.pool, SNAPSHOT);
  await ensureMonths(pipeline.pool, MOVING);
  await pipeline.activate();
  await pipeline.startAnalyzer();
  await storeCandles(pipeline.pool, STREAM);
  await settle(pipeline);
});

function asked(changes: Partial<ProofOptions> = {}): ProofOptions {
  const { pool, clickhouse, admin } = pipeline;
  const clients = { pool, clickhouse, kafka: admin, producer: producerOf(PRODUCTION_RULES) };
  const scope = { series: [], from: null, to: null };
  return { clients, scope, rowsMax: 100, say: () => undefined, ...changes };
}

const rowsOf = (proof: Proof): string[] => proof.rows.map(describeDamage);
const nameOf = (candle: Candle): string => `${seriesKey(candle)} ${formatInstant(candle.openTime)}`;
const dayOf = (candle: Candle): string => nameOf(candle).slice(0, -14);

/** Behind the analyzer's back. */
async function run(query: string): Promise<void> {
  await pipeline.clickhouse.command({ query: `${query} settings mutations_sync = 2` });
}

const where = ({ symbol, openTime }: Candle): string =>
  `symbol = '${symbol}' and toUnixTimestamp64Milli(open_time) = ${openTime}`;

async function forget(candle: Candle, tables: readonly string[] = TABLES): Promise<void> {
  for (const table of tables) await run(`alter table ${table} delete where ${where(candle)}`);
}

async function spoil(candle: Candle, tables: readonly string[], change: string): Promise<void> {
  for (const table of tables) {
    await run(`alter table ${table} update ${change} where ${where(candle)}`);
  }
}

/** The candle's rows again, as those of a candle that Postgres never had. */
async function haunt(candle: Candle, minutes: number): Promise<void> {
  for (const table of TABLES) {
    await pipeline.clickhouse.command({
      query: `insert into ${table} select * replace (addMinutes(open_time, ${minutes}) as open_time)
              from (select * from ${table} final where ${where(candle)})`,
    });
  }
}

/** WICK_LONG=1 runs all of it, some five minutes; without it the heart of it runs. */
const long = test.runIf(process.env['WICK_LONG'] === '1');

describe('while candles keep coming', PATIENCE, () => {
  test('what Postgres held at the barrier is what ClickHouse has from before it', async () => {
    const over = new AbortController();
    let at = 0;
    const write = async (): Promise<void> => {
      for (let round = 0; !over.signal.aborted; round += 1) {
        // A new candle, and now and then an old one with another close.
        const old = MOVING[(round * 7) % Math.max(1, at)]!;
        const candles = [MOVING[at]!, ...(round % 3 === 2 ? [{ ...old, close: old.high }] : [])];
        at = Math.min(at + 1, MOVING.length - 1);
        await storeCandles(pipeline.pool, candles);
      }
    };
    const writing = write();
    const proofs: Proof[] = [];
    for (let round = 0; round < 3; round += 1) proofs.push(await prove(asked()));
    over.abort();
    await writing;
    for (const proof of proofs) {
      expect(proof).toMatchObject({ verdict: 'equal', differing: [], rows: [], unsettled: [] });
    }
    // It did see them come.
    expect(proofs[2]!.candles).toBeGreaterThan(proofs[0]!.candles);
    expect(proofs[0]!.candles).toBeGreaterThan(SNAPSHOT.length + STREAM.length);
  });

  long('a candle whose rows are on their way is unsettled, and never equal', async () => {
    const candle = STREAM[700]!;
    const above = ((2n ** 60n) << 64n) + 2n ** 60n;
    await pipeline.clickhouse.command({
      query: `insert into candle_revisions select * replace (toUInt128('${above}') as version)
              from candle_revisions final where ${where(candle)}`,
    });
    const proof = await prove(asked());
    expect(proof).toMatchObject({
      verdict: 'unsettled',
      unsettled: [dayOf(candle)],
      rows: [],
      barriers: 3,
    });
    await run(`alter table candle_revisions delete where version = toUInt128('${above}')`);
    expect((await prove(asked())).verdict).toBe('equal');
  });
});

describe('the barrier', () => {
  long('lets writers go on at once, and does not see what they write', async () => {
    const count = async (client: Pick<typeof pipeline.pool, 'query'>): Promise<string> =>
      (await client.query<{ n: string }>('select count(*) as n from market.candles')).rows[0]!.n;
    const before = await count(pipeline.pool);
    const barrier = await takeBarrier(pipeline.pool);
    const [candle] = walkCandles(1, { symbol: 'BEHIND/USDT', seed: 4 });
    await storeCandles(pipeline.pool, [candle!]);
    const { rows } = await barrier.client.query<{ n: string }>(
      'select count(*) as n from market.candles',
    );
    expect(rows[0]!.n).toBe(before);
    expect(BigInt(await count(pipeline.pool))).toBe(BigInt(before) + 1n);
    await barrier.close();
  });

  long('says who is in the way when a writer never commits', async () => {
    const writer = await pipeline.pool.connect();
    await writer.query('begin');
    const [candle] = walkCandles(1, { symbol: 'HELD/USDT', seed: 5 });
    await writeCandles(writer, [candle!]);
    await expect(takeBarrier(pipeline.pool, 10)).rejects.toMatchObject({
      code: 'WICK_BUSY',
      retryable: true,
    });
    await writer.query('rollback');
    writer.release();
  });
});

describe('damage is named and healed where', PATIENCE, () => {
  test('rows are missing', async () => {
    const lost = [SNAPSHOT[400]!, STREAM[900]!, STREAM[1_200]!];
    for (const candle of lost) await forget(candle);
    const { found, healed, after } = await healAndProve(asked());
    expect(found.verdict).toBe('different');
    expect(rowsOf(found)).toEqual(lost.map((c) => `${nameOf(c)}: missing in ClickHouse`));
    expect(after).toMatchObject({ verdict: 'equal', rows: [], differing: [] });
    expect(healed).toEqual({ asked: 3, rewritten: 0, removed: 0 });
    await expectBothEndsEqual(pipeline);
  });

  long('the newest row is missing, which the analyzer holds and takes for written', async () => {
    const last = STREAM.at(-1)!;
    await forget(last);
    const { found, healed, after } = await healAndProve(asked());
    expect(rowsOf(found)).toEqual([`${nameOf(last)}: missing in ClickHouse`]);
    expect(after).toMatchObject({ verdict: 'equal', rows: [] });
    expect(healed).toEqual({ asked: 1, rewritten: 1, removed: 0 });
    await expectBothEndsEqual(pipeline);
  });

  test('a row is wrong at its own version', async () => {
    const wrong = [SNAPSHOT[500]!, STREAM[1_000]!];
    for (const candle of wrong) {
      await spoil(candle, ['candles', 'candle_revisions'], `close = toDecimal128('1.5', 18)`);
    }
    const { found, healed, after } = await healAndProve(asked());
    expect(rowsOf(found)).toEqual(
      wrong.map((c) => `${nameOf(c)}: ClickHouse has close 1.5 instead of ${c.close}`),
    );
    expect(after).toMatchObject({ verdict: 'equal', rows: [] });
    expect(healed).toEqual({ asked: 2, rewritten: 0, removed: 0 });
    await expectBothEndsEqual(pipeline);
  });

  long('a ghost is in ClickHouse alone', async () => {
    const last = STREAM.at(-1)!;
    const ghost = { ...last, openTime: epochMs(last.openTime + 5 * 60_000) };
    await haunt(last, 5);
    const { found, healed, after } = await healAndProve(asked());
    expect(rowsOf(found)).toEqual([`${nameOf(ghost)}: in ClickHouse, and not in Postgres`]);
    expect(found.differing.map(({ bucket }) => bucket)).toEqual([dayOf(ghost)]);
    expect(after).toMatchObject({ verdict: 'equal', rows: [] });
    expect(healed).toEqual({ asked: 0, rewritten: 0, removed: 1 });
    const ledger = await readRows<{ op: string; source: string }>(
      pipeline.clickhouse,
      `select op, source from candle_revisions final where ${where(ghost)} order by version desc`,
    );
    expect(ledger.slice(0, 2)).toEqual([
      { op: 'd', source: '' },
      { op: 'c', source: 'reconcile' },
    ]);
    await expectBothEndsEqual(pipeline);
  });

  long('the ledger is right, and what is shown does not follow from it', async () => {
    const [noFeatures, noSignal, noCandle, spoiled] = [310, 320, 330, 340].map((i) => STREAM[i]!);
    await forget(noFeatures!, ['features']);
    await forget(noSignal!, ['signals']);
    await forget(noCandle!, ['candles']);
    await spoil(spoiled!, ['candles'], `volume = toDecimal128('0', 18)`);
    const { found, after } = await healAndProve(asked());
    expect(rowsOf(found)).toEqual([
      `${nameOf(noFeatures!)}: no features row in features`,
      `${nameOf(noSignal!)}: no signal in signals`,
      `${nameOf(noCandle!)}: no candle in candles`,
      `${nameOf(spoiled!)}: the candle in candles is of another version`,
    ]);
    expect(after).toMatchObject({ verdict: 'equal', rows: [] });
    await expectBothEndsEqual(pipeline);
  });
});

describe('only what Postgres holds is compared', PATIENCE, () => {
  long('older candles of ClickHouse are counted apart', async () => {
    const [first] = STREAM;
    await haunt(first!, -3 * 1440);
    const proof = await prove(asked());
    expect(proof).toMatchObject({ verdict: 'equal', older: { [seriesKey(first!)]: 1 } });
  });

  long('what lies outside of the filter is not looked at', async () => {
    await forget(STREAM[10]!);
    const scope = (from: number): Partial<ProofOptions> => ({
      scope: { series: [STREAM[0]!], from: STREAM[from]!.openTime, to: null },
    });
    expect(await prove(asked(scope(11)))).toMatchObject({ verdict: 'equal', candles: 1_489 });
    expect(await prove(asked(scope(10)))).toMatchObject({ verdict: 'different', candles: 1_490 });
  });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function wick(...args: readonly string[]): Promise<Ended> {
  const env = { ...process.env, ...configEnv(), LOG_LEVEL: 'error' };
  return new Promise((resolve) => {
    execFile(process.execPath, [WICK, 'reconcile', ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

function configEnv(): Record<string, string> {
  const { engines, config } = pipeline;
  return { ...engines.set.env, CLICKHOUSE_DATABASE: config.CLICKHOUSE_DATABASE };
}

describe('the command', PATIENCE, () => {
  test('names the candle, exits with 1, heals it, and exits with 0', async () => {
    const candle = STREAM[10]!;
    await forget(candle);
    const before = await wick('--json', '--series', seriesKey(candle));
    expect(before.code).toBe(1);
    expect(JSON.parse(before.stdout)).toMatchObject({
      verdict: 'different',
      rows: [{ openTime: formatInstant(candle.openTime), kind: 'missing' }],
    });
    const repair = await wick('--repair', '--series', seriesKey(candle));
    expect(repair).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^different .*\n[^]*^equal /m),
    });
    const after = await wick('--json');
    expect(after.code).toBe(0);
    expect(JSON.parse(after.stdout)).toMatchObject({ verdict: 'equal', rows: [], differing: [] });
  });

  long('does not call a series equal that nobody has', async () => {
    const { code, stderr } = await wick('--series', 'binance-futures|perp|NOBODY/USDT|1m');
    expect(code).toBe(2);
    expect(stderr).toContain('Postgres holds no closed candle of it');
  });
});
