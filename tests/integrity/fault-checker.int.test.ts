/**
 * The checker of the fault harness must be able to fail: for each invariant one bug is planted into a
 * pipeline at rest, the checker must name that invariant, and with the bug taken back be content.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { findViolations } from '../faults/checker.ts';
import { checkLatest, checkRebuilt, readLatest } from '../faults/latest-check.ts';
import { checkLetters } from '../faults/letter-check.ts';
import { watchVersions } from '../faults/version-watch.ts';
import { Workload } from '../faults/workload.ts';
import { usePipeline } from '../support/pipeline.ts';
import { settle } from '../support/settle.ts';

const pipeline = usePipeline();
const SEED = 11;
let workload: Workload;

beforeAll(async () => {
  await pipeline.activate();
  await pipeline.record(TOPIC_CANDLES);
  const analyzer = await pipeline.startAnalyzer();
  workload = new Workload({ pool: pipeline.pool, seed: SEED, name: 'PLANT', symbols: 2 });
  await workload.grow(40);
  await settle(pipeline);
  // It would not undo what is planted, and has nothing to do with it.
  await analyzer.stop();
});

async function invariants(): Promise<string[]> {
  const found = await findViolations(pipeline, [workload]);
  return [...new Set(found.map(({ invariant }) => invariant))].sort();
}

/** A candle that has all its features. */
async function victim(): Promise<string> {
  const rows = await readRows<{ t: string; symbol: string }>(
    pipeline.clickhouse,
    `select symbol, toString(toUnixTimestamp64Milli(open_time)) as t from candles final
     where interval = '1m' and startsWith(symbol, 'PLANT') order by symbol, open_time limit 1 offset 25`,
  );
  const { symbol, t } = rows[0]!;
  return `symbol = '${symbol}' and interval = '1m' and toUnixTimestamp64Milli(open_time) = ${t}`;
}

const run = (query: string) => pipeline.clickhouse.command({ query });

/** Every row of a table that a condition picks, kept aside and put back. */
async function withPlanted(
  table: string,
  plant: (where: string, aside: string) => Promise<unknown>,
): Promise<string[]> {
  const where = await victim();
  const aside = `aside_${table}`;
  await run(`create table ${aside} as ${table} engine = MergeTree order by tuple()`);
  await run(`insert into ${aside} select * from ${table} final`);
  try {
    await plant(where, aside);
    return await invariants();
  } finally {
    await run(`truncate table ${table}`);
    await run(`insert into ${table} select * from ${aside}`);
    await run(`drop table ${aside}`);
  }
}

const without = (table: string) => async (where: string, aside: string) => {
  await run(`truncate table ${table}`);
  await run(`insert into ${table} select * from ${aside} where not (${where})`);
};

const changed = (table: string, replace: string) => async (where: string, aside: string) => {
  await without(table)(where, aside);
  await run(`insert into ${table} select * replace(${replace}) from ${aside} where ${where}`);
};

/** One more row, a minute before everything, that nobody ever wrote. */
const ghost = (table: string) => async (where: string, aside: string) => {
  await run(
    `insert into ${table} select * replace(open_time - interval 1 year as open_time)
     from (select * from ${aside} where ${where})`,
  );
};

test('a pipeline at rest has nothing to say', async () => {
  expect(workload.rows).toBeGreaterThan(200);
  expect(await invariants()).toEqual([]);
});

describe('planted', () => {
  test.each([
    [
      'a candle with another volume',
      'candles',
      changed('candles', 'toDecimal128(7, 18) as volume'),
      'I1',
    ],
    ['a candle with another source', 'candles', changed('candles', `'x' as source`), 'I1'],
    ['a ghost candle', 'candles', ghost('candles'), 'I1'],
    ['a missing candle', 'candles', without('candles'), 'I1'],
    ['a missing revision', 'candle_revisions', without('candle_revisions'), 'I1'],
    ['a missing feature row', 'features', without('features'), 'I2'],
    ['a ghost feature row', 'features', ghost('features'), 'I2'],
    [
      'a feature row of an older candle',
      'features',
      changed('features', 'candle_version - 1 as candle_version'),
      'I2',
    ],
    [
      'one bit of one feature',
      'features',
      changed(
        'features',
        'arrayMap((v, i) -> if(i = 1, reinterpretAsFloat64(bitXor(reinterpretAsUInt64(assumeNotNull(v)), 1)), v), values, arrayEnumerate(values)) as values',
      ),
      'I3',
    ],
    [
      'a moving average that is off',
      'features',
      changed(
        'features',
        'arrayMap((v, i) -> if(i = 1, v * 1.00001, v), values, arrayEnumerate(values)) as values',
      ),
      'I3',
    ],
    [
      'another decision',
      'signals',
      changed('signals', `'Long' as decision, 0.123 as rule_score_long`),
      'I3',
    ],
    ['a ghost signal', 'signals', ghost('signals'), 'I4'],
    [
      'a signal caused before its candle',
      'signals',
      changed('signals', 'candle_version - 1 as version'),
      'I4',
    ],
  ] as const)('%s is found', async (_, table, plant, invariant) => {
    expect(await withPlanted(table, plant)).toContain(invariant);
    expect(await invariants()).toEqual([]);
  });

  test('a row that falls back to an older version is found by the reader', async () => {
    const watch = watchVersions(pipeline.clickhouse);
    const hasLooked = async (): Promise<boolean> => Promise.resolve(watch.looks > 0);
    await waitFor(hasLooked, { what: 'the reader to look', timeoutMs: 20_000 });
    await withPlanted('candles', async (where, aside) => {
      await changed('candles', 'version - 1 as version')(where, aside);
      const { violations } = await watch.stop();
      expect(violations.map(({ invariant }) => invariant)).toEqual(['I5']);
    });
  });

  test('an acknowledged write that is gone is found', async () => {
    const [key, close] = [...workload.acked].find(([, value]) => value !== null)!;
    workload.acked.set(key, '0.000001');
    expect(await invariants()).toEqual(['I6']);
    workload.acked.set('no|such|series|1m 0', '1');
    workload.acked.set(key, close);
    expect(await invariants()).toEqual(['I6']);
    workload.acked.delete('no|such|series|1m 0');
  });

  test('a letter with another byte, one too few and one too many are found', () => {
    const record = (text: string) => ({ key: null, value: Buffer.from(text) });
    expect(checkLetters([record('a'), record('a')], [record('a'), record('a')])).toEqual([]);
    expect(checkLetters([record('a')], [record('b')])).toHaveLength(2);
    expect(checkLetters([record('a'), record('a')], [record('a')])).toHaveLength(1);
    expect(checkLetters([], [record('a')])).toHaveLength(1);
  });

  test('a latest value that is another, missing or left over is found', async () => {
    const shown = await readLatest(pipeline.redis);
    expect(await checkLatest(shown, pipeline.clickhouse)).toEqual([]);
    const [key, text] = [...shown][0]!;
    const older = new Map(shown).set(key, JSON.stringify({ openTime: 0 }));
    expect(await checkLatest(older, pipeline.clickhouse)).toHaveLength(1);
    expect(checkRebuilt(shown, new Map(shown).set(key, `${text} `))).toHaveLength(1);
    expect(checkRebuilt(shown, new Map([...shown].slice(1)))).toHaveLength(1);
    expect(checkRebuilt(shown, shown)).toEqual([]);
  });
});

test('nothing planted is left', async () => {
  const clean = async (): Promise<boolean> => (await invariants()).length === 0;
  await waitFor(clean, { what: 'nothing to be found', timeoutMs: 20_000 });
});
