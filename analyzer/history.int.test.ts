/** The ledger query on a real ClickHouse, against the same question asked of a plain list. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { decimal } from '#core/decimal.ts';
import { analyse } from '../tests/support/analyse.ts';
import { CandleStream, STREAM_SERIES } from '../tests/support/candle-stream.ts';
import { useClickHouse } from '../tests/support/clickhouse.ts';
import type { MemoryLedger } from '../tests/support/memory-ledger.ts';
import { ClickHouseHistory } from './history.ts';
import type { HistoricCandle } from './historic-candle.ts';
import { advance, START, type Position } from './position.ts';

const clickhouse = useClickHouse();
const [BTC, ETH] = STREAM_SERIES;
let ledger: MemoryLedger;
let changes: CandleChange[] = [];

/** Initial rows, revisions, a gap, a delete, a candle moved back, a moved one, a re-snapshot. */
function life(): CandleChange[] {
  const stream = new CandleStream(4);
  const kinds = ['next', 'revise', 'gap', 'copy', 'delete', 'move', 'late', 'unseen', 'snapshot'];
  for (const [index, kind] of [...kinds, 'move', 'revise_newest', 'delete', 'next'].entries()) {
    const operation = { kind, pick: index * 3, value: index * 2 } as const;
    stream.apply({ ...operation, series: 0 } as Parameters<CandleStream['apply']>[0]);
  }
  return stream.changes.filter(({ values }) => values === null || values.isClosed);
}

/** All that the history holds, page after page. */
async function readHistory(series: Series, at: Position): Promise<HistoricCandle[]> {
  const history = new ClickHouseHistory({ client: clickhouse.client, producer: 'trial' });
  const found: HistoricCandle[] = [];
  const all = { from: -Infinity, to: Infinity };
  for await (const page of history.candles(series, at, all)) found.push(...page);
  return found;
}

beforeAll(async () => {
  changes = life();
  ledger = await analyse(clickhouse.client, changes);
});

test('the life holds what it should: shared versions, deletes and creates of one version', () => {
  const deletes = changes.filter(({ values }) => values === null);
  const halves = deletes.filter(({ version }) =>
    changes.some((other) => other.version === version && other.values !== null),
  );
  expect(deletes.length).toBeGreaterThan(halves.length);
  expect(halves.length).toBeGreaterThan(0);
  const createdEarlier = halves.some((half) =>
    changes.some((other) => other.version === half.version && other.openTime < half.openTime),
  );
  expect(createdEarlier).toBe(true);
});

test('before and behind every change it answers with the candles as they stood', async () => {
  let position = START;
  for (const change of changes.filter(({ series }) => series === BTC)) {
    position = advance(position, change);
    const answer = await readHistory(BTC!, position);
    expect(answer).toEqual(ledger.asOf(BTC!, position));
  }
});

describe('it answers', () => {
  const END = { ...START, version: 2n ** 128n - 1n };

  test('for one series only, with its candles in order', async () => {
    const answer = await readHistory(ETH!, END);
    expect(answer).toEqual(ledger.asOf(ETH!, END));
    expect(answer).toHaveLength(4);
  });

  test('with nothing before the first change', async () => {
    expect(await readHistory(BTC!, START)).toEqual([]);
  });

  test('with nothing for a series that it does not know', async () => {
    const other = { ...BTC!, symbol: 'X/Y' };
    expect(await readHistory(other, END)).toEqual([]);
  });

  test('with every digit, and null where there is no value', async () => {
    const [first] = changes.filter(({ series }) => series === ETH);
    const values = {
      ...first!.values!,
      open: decimal(`${'9'.repeat(20)}.${'9'.repeat(18)}`),
      high: decimal(`${'9'.repeat(20)}.${'9'.repeat(18)}`),
      low: decimal('0.000000000000000001'),
      volume: decimal('0'),
      quoteVolume: null,
      trades: Number.MAX_SAFE_INTEGER,
    };
    const series = { ...ETH!, symbol: 'EXTREME/USDT' };
    const version = 2n ** 128n - 2n;
    const key = 'binance-futures|perp|EXTREME/USDT|1m';
    await analyse(clickhouse.client, [{ ...first!, series, key, values, version }]);
    expect(await readHistory(series, END)).toMatchObject([{ values, version }]);
  });
});
