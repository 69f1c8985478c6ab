/**
 * `wick replay` on the real pipeline: equal after candles that came late, were revised or deleted, and after a
 * move of the anchor; each kind of wrong row is found with its column and both values, and written; what
 * was known at a place of the WAL is told again. Damage is planted in ClickHouse behind everybody's back.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { seriesKey, type Candle } from '#core/candle.ts';
import { formatInstant } from '#core/time.ts';
import { producerOf } from '../../analyzer/running-rules.ts';
import { moveAnchor } from '../../etl/index.ts';
import { lsnText } from '#core/lsn.ts';
import { applyReplay } from '../../proof/apply-replay.ts';
import { takeBarrier } from '../../proof/barrier.ts';
import { cellsOf } from '../../proof/evaluation-cells.ts';
import type { ReplayedRow } from '../../proof/replay-series.ts';
import { replay, type ReplayOptions } from '../../proof/replay.ts';
import { readStored } from '../../proof/stored-evaluations.ts';
import { PRODUCTION_RULES } from '../support/evaluations.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
const WICK = join(import.meta.dirname, '..', '..', 'scripts', 'wick.ts');
const PATIENCE = { timeout: 180_000 };
const MINUTE_MS = 60_000;
const producer = producerOf(PRODUCTION_RULES);

const candles = walkCandles(3_000, { symbol: 'REPLAYED/USDT', seed: 11 });
const [OLDEST, SERIES] = [candles[0]!, candles[0]!];
/** Older ones come behind the live series, and count once the anchor moves. */
const LIVE = 500;
/** Comes after all the others. */
const LATE = 900;
const REVISED = 1_300;
const DELETED = 1_700;
/** Never comes. */
const HOLE = 2_100;
const other = walkCandles(1_200, { symbol: 'OTHER/USDT', seed: 12 });

beforeAll(async () => {
  await pipeline.activate();
  await pipeline.startAnalyzer();
  const { pool } = pipeline;
  const live = candles.filter((_, at) => at >= LIVE && at !== LATE && at !== HOLE);
  await storeCandles(pool, live);
  await storeCandles(pool, other);
  await storeCandles(pool, candles.slice(0, LIVE));
  await settle(pipeline);
  await storeCandles(pool, [candles[LATE]!]);
  await storeCandles(pool, [revised(candles[REVISED]!)]);
  await pool.query(`delete from market.candles where symbol = $1::text and open_time = $2`, [
    SERIES.symbol,
    formatInstant(candles[DELETED]!.openTime),
  ]);
  await settle(pipeline);
});

const revised = (candle: Candle): Candle => ({ ...candle, close: candle.high });
const nameOf = ({ table, kind, openTime, columns }: ReplayedRow): string =>
  [formatInstant(openTime), table, kind, ...columns.map(({ column }) => column)].join(' ');
const at = (index: number): string => formatInstant(candles[index]!.openTime);

function asked(changes: Partial<ReplayOptions> = {}): ReplayOptions {
  const { pool, clickhouse, admin } = pipeline;
  return {
    clients: { pool, clickhouse, kafka: admin, producer },
    rules: PRODUCTION_RULES,
    scope: { series: [], from: null, to: null },
    atLsn: null,
    rowsMax: 100,
    say: () => undefined,
    ...changes,
  };
}

/** Behind the analyzer's back. */
async function run(query: string): Promise<void> {
  await pipeline.clickhouse.command({ query: `${query} settings mutations_sync = 2` });
}

const where = ({ symbol, openTime }: Candle): string =>
  `symbol = '${symbol}' and toUnixTimestamp64Milli(open_time) = ${openTime}`;
/** The last bit of a float. */
const flipped = (value: string): string =>
  `reinterpretAsFloat64(bitXor(reinterpretAsUInt64(assumeNotNull(${value})), 1))`;
const FLIP_FIFTH = `values = arrayMap((v, i) -> if(i = 5, ${flipped('v')}, v), values, arrayEnumerate(values))`;
const FIFTH = PRODUCTION_RULES.features.names[4]!;

async function haunt(candle: Candle, minutes: number, table: string): Promise<void> {
  await pipeline.clickhouse.command({
    query: `insert into ${table} select * replace (addMinutes(open_time, ${minutes}) as open_time)
            from (select * from ${table} final where ${where(candle)})`,
  });
}

/** WICK_LONG=1 runs all of it, some five minutes; without it the heart of it runs. */
const long = test.runIf(process.env['WICK_LONG'] === '1');

describe('what the analyzer wrote is what the candles come to', PATIENCE, () => {
  test('with candles that came late, were revised and deleted', async () => {
    const result = await replay(asked());
    expect(result).toMatchObject({ verdict: 'equal', different: 0, rows: [], skipped: [] });
    // Two never were there or are gone; those before the anchor have rows, and bear on nothing.
    expect(result.begins.find(({ series }) => series === seriesKey(SERIES))).toEqual({
      series: seriesKey(SERIES),
      at: 'anchor',
      openTime: candles[LIVE]!.openTime,
      folded: candles.length - LIVE - 2,
    });
    expect(result.compared).toBeGreaterThanOrEqual(candles.length - 2 + other.length);
  });

  test('after the anchor moved', async () => {
    expect(await moveAnchor(pipeline.pool, SERIES, OLDEST.openTime)).toBe(true);
    await settle(pipeline);
    const result = await replay(asked({ scope: { series: [SERIES], from: null, to: null } }));
    expect(result).toMatchObject({ verdict: 'equal', folded: candles.length - 2, skipped: [] });
    expect(result.begins[0]).toMatchObject({ at: 'anchor', openTime: OLDEST.openTime });
  });

  long('in a range, whose first state comes from folding all before it', async () => {
    const [from, to] = [candles[1_400]!.openTime, candles[1_500]!.openTime];
    const result = await replay(asked({ scope: { series: [SERIES], from, to } }));
    expect(result).toMatchObject({ verdict: 'equal', compared: 100, folded: 1_500 });
  });
});

describe('rows that are wrong', PATIENCE, () => {
  test('are found with their columns, written, and lose to what comes after', async () => {
    const [bit, score, noFeatures, noSignal] = [600, 1_000, 1_100, 1_200].map((i) => candles[i]!);
    await run(`alter table features update ${FLIP_FIFTH} where ${where(bit!)}`);
    await run(
      `alter table signals update final_score_long = ${flipped('final_score_long')} where ${where(score!)}`,
    );
    await run(`alter table features delete where ${where(noFeatures!)}`);
    await run(`alter table signals delete where ${where(noSignal!)}`);
    // One in the middle, one behind the last candle.
    for (const table of ['features', 'signals']) await haunt(candles[HOLE - 1]!, 1, table);
    await haunt(candles.at(-1)!, 7, 'signals');
    const { found, applied, after } = await applyReplay(asked());
    expect(found.verdict).toBe('different');
    expect(found.rows.map(nameOf).sort()).toEqual(
      [
        `${at(600)} features differs ${FIFTH}`,
        `${at(1_000)} signals differs final_score_long`,
        `${at(1_100)} features missing`,
        `${at(1_200)} signals missing`,
        `${at(HOLE)} features extra`,
        `${at(HOLE)} signals extra`,
        `${formatInstant(candles.at(-1)!.openTime)} signals extra`.replace(
          at(2_999),
          new Date(candles.at(-1)!.openTime + 7 * MINUTE_MS).toISOString(),
        ),
      ].sort(),
    );
    const cell = found.rows.find(({ table, kind }) => table === 'features' && kind === 'differs')!
      .columns[0]!;
    expect(BigInt(`0x${cell.computed.bits}`) ^ BigInt(`0x${cell.stored.bits}`)).toBe(1n);
    expect(cell.computed.value).not.toBe(cell.stored.value);
    expect(applied).toBe(6);
    expect(after).toMatchObject({ verdict: 'equal', different: 0 });
    await expectBothEndsEqual(pipeline);
    // What was written gives way to the analyzer.
    await storeCandles(pipeline.pool, [revised(bit!), candles[HOLE]!]);
    await expectBothEndsEqual(pipeline);
    expect((await replay(asked())).verdict).toBe('equal');
  });

  long('are not written while the candles themselves differ', async () => {
    const candle = other[800]!;
    await run(`alter table features update ${FLIP_FIFTH} where ${where(candle)}`);
    await run(
      `alter table candle_revisions update close = toDecimal128('1.5', 18) where ${where(other[100]!)}`,
    );
    await expect(applyReplay(asked())).rejects.toMatchObject({ code: 'WICK_REPLAY_REFUSED' });
    await run(
      `alter table candle_revisions update close = toDecimal128('${other[100]!.close}', 18) where ${where(other[100]!)}`,
    );
    expect(await applyReplay(asked())).toMatchObject({ applied: 1, after: { verdict: 'equal' } });
  });

  long('written behind the barrier are unsettled, and never equal', async () => {
    const candle = other[700]!;
    const above = ((2n ** 60n) << 64n) + 2n ** 60n;
    await pipeline.clickhouse.command({
      query: `insert into features select * replace (toUInt128('${above}') as version)
              from (select * from features final where ${where(candle)})`,
    });
    const result = await replay(asked());
    expect(result).toMatchObject({
      verdict: 'unsettled',
      unsettled: [{ series: seriesKey(candle), rows: 1 }],
      looks: 3,
    });
    await run(`alter table features delete where version = toUInt128('${above}')`);
    expect((await replay(asked())).verdict).toBe('equal');
  });
});

describe('as of a place in the WAL', PATIENCE, () => {
  test('what was known then is told again, and later rows are no difference', async () => {
    const { pool, clickhouse } = pipeline;
    await settle(pipeline);
    const barrier = await takeBarrier(pool);
    const { lsn } = barrier;
    await barrier.close();
    const range = {
      clickhouse,
      producer,
      series: SERIES,
      from: OLDEST.openTime,
      to: candles.at(-1)!.openTime + 1,
      lsn,
    };
    const then = await readStored('features', range);
    await storeCandles(pool, [revised(candles[2_500]!)]);
    await pool.query(`delete from market.candles where symbol = $1::text and open_time = $2`, [
      SERIES.symbol,
      at(2_600),
    ]);
    await settle(pipeline);
    const scope = { series: [SERIES], from: null, to: null };
    const result = await replay(asked({ scope, atLsn: lsn, rowsMax: 10_000 }));
    expect(result).toMatchObject({ verdict: 'equal', different: 0, asOf: true });
    expect(result.later).toBeGreaterThan(100);
    const features = result.laterRows.filter(({ table }) => table === 'features');
    expect(features.length).toBeGreaterThan(50);
    expect(features[0]!.openTime).toBe(candles[2_500]!.openTime);
    for (const { openTime, evaluation } of features) {
      expect(cellsOf(evaluation!, producer).features).toBe(then.get(openTime)!.text);
    }
    // A row that nobody has touched since is still judged.
    await run(`alter table features update ${FLIP_FIFTH} where ${where(candles[700]!)}`);
    const wrong = await replay(asked({ scope, atLsn: lsn }));
    expect(wrong.rows.map(nameOf)).toEqual([`${at(700)} features differs ${FIFTH}`]);
    expect((await applyReplay(asked())).after?.verdict).toBe('equal');
  });

  test('that lies ahead is refused', async () => {
    await expect(replay(asked({ atLsn: 2n ** 60n }))).rejects.toMatchObject({ code: 'WICK_USAGE' });
  });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function wick(...args: readonly string[]): Promise<Ended> {
  const { engines, config } = pipeline;
  const own = { CLICKHOUSE_DATABASE: config.CLICKHOUSE_DATABASE, LOG_LEVEL: 'error' };
  const env = { ...process.env, ...engines.set.env, ...own };
  return new Promise((resolve) => {
    execFile(process.execPath, [WICK, 'replay', ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

describe('the command', PATIENCE, () => {
  test('tells the bits, exits with 1, writes the row, and exits with 0', async () => {
    const candle = candles[800]!;
    await run(`alter table features update ${FLIP_FIFTH} where ${where(candle)}`);
    const before = await wick('--json', '--series', seriesKey(candle));
    expect(before.code).toBe(1);
    expect(JSON.parse(before.stdout)).toMatchObject({
      verdict: 'different',
      different: 1,
      rows: [
        {
          openTime: formatInstant(candle.openTime),
          table: 'features',
          kind: 'differs',
          columns: [{ column: FIFTH, stored: { bits: expect.stringMatching(/^[0-9a-f]{16}$/) } }],
        },
      ],
    });
    const apply = await wick('--apply', '--series', seriesKey(candle));
    expect(apply).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^different .*\n[^]*^applied {5}1 candle\n[^]*^equal /m),
    });
    const past = await wick('--json', '--at-lsn', lsnText(1n), '--series', seriesKey(candle));
    // Nothing to compare is no good news.
    expect(past).toMatchObject({ code: 1 });
    expect(JSON.parse(past.stdout)).toMatchObject({
      verdict: 'unsettled',
      compared: 0,
      begins: [],
      skipped: [{ series: seriesKey(candle), why: 'no closed candle of it was known' }],
    });
  });

  test('refuses what it cannot mean', async () => {
    for (const args of [
      ['--at-lsn', 'yesterday'],
      ['--from', 'soon'],
      ['--limit', '0'],
    ]) {
      expect((await wick(...args)).code, args.join(' ')).toBe(2);
    }
    const both = await wick('--apply', '--at-lsn', '0/1');
    expect(both.code).toBe(2);
    expect(both.stderr).toContain('--apply writes what holds now');
  });
});
