import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { createAmendments, type Amendment } from './amendments.ts';
import { createMarket, type Market, type RowQuery } from './market.ts';
import { parseRecordingRows, type Recording } from './recording.ts';

const T = 1_748_928_720_000;
const MINUTE = 60_000;
const LINES = [
  `${T},1,4,0.5,2,10,7`,
  `${T + MINUTE},2,5,1.5,3,,`,
  `${T + 2 * MINUTE},3,NaN,"2",4,-1,8`,
  `${T + 5 * MINUTE},7,8,6,7.5,3,9`,
];

const recording = ((): Recording => {
  const header = 'timestamp_ms,open,high,low,close,volume,trades';
  const parsed = parseRecordingRows(Buffer.from(`${header}\n${LINES.join('\n')}\n`));
  if (!parsed.ok) throw new Error(parsed.reason);
  const names = { file: 'x', base: 'A', quote: 'B', venueSymbol: 'AB', interval: '1m' } as const;
  return { venue: 'binance-futures', ...names, ...parsed.rows };
})();

function marketAt(minutes: number, amendments: readonly Amendment[] = []): Market {
  const amended = createAmendments();
  amended.amend(...amendments);
  return createMarket({
    venue: 'binance-futures',
    recordings: [recording],
    funding: [],
    amendments: amended,
    clock: createManualClock(epochMs(T + minutes * MINUTE)),
  });
}

/** Minutes after the first candle at which the rows open. */
function minutesOf(market: Market, query: Partial<RowQuery>): number[] {
  const asked: RowQuery = { from: 0, to: Infinity, limit: 500, keep: 'newest', ...query };
  return market.rows(recording, asked).map(({ openTime }) => (openTime - T) / MINUTE);
}

describe('rows of a market', () => {
  test('hold cells verbatim, wrong ones too, and null for what was not recorded', () => {
    const rows = marketAt(100).rows(recording, { from: 0, to: Infinity, limit: 9, keep: 'oldest' });
    const other = { quoteVolume: null, takerBuyBase: null, takerBuyQuote: null, isOpen: false };
    const time = (minutes: number) => ({
      openTime: T + minutes * MINUTE,
      end: T + (minutes + 1) * MINUTE,
    });
    expect(rows.slice(0, 3)).toEqual([
      {
        ...time(0),
        open: '1',
        high: '4',
        low: '0.5',
        close: '2',
        volume: '10',
        trades: '7',
        ...other,
      },
      {
        ...time(1),
        open: '2',
        high: '5',
        low: '1.5',
        close: '3',
        volume: null,
        trades: null,
        ...other,
      },
      {
        ...time(2),
        open: '3',
        high: 'NaN',
        low: '"2"',
        close: '4',
        volume: '-1',
        trades: '8',
        ...other,
      },
    ]);
  });

  test('are the newest or the oldest of a range, both ends inclusive', () => {
    const market = marketAt(100);
    expect(minutesOf(market, { limit: 2 })).toEqual([2, 5]);
    expect(minutesOf(market, { limit: 2, to: T + 4 * MINUTE })).toEqual([1, 2]);
    expect(minutesOf(market, { limit: 2, keep: 'oldest' })).toEqual([0, 1]);
    expect(minutesOf(market, { from: T + 1, limit: 2, keep: 'oldest' })).toEqual([1, 2]);
    expect(minutesOf(market, { from: T + MINUTE, to: T + 2 * MINUTE })).toEqual([1, 2]);
    expect(minutesOf(market, { from: T + 3 * MINUTE, to: T + 4 * MINUTE })).toEqual([]);
    expect(minutesOf(market, { from: T + 2 * MINUTE, to: T })).toEqual([]);
  });

  test('show nothing that opens after now', () => {
    expect(minutesOf(marketAt(-1), {})).toEqual([]);
    expect(minutesOf(marketAt(0), {})).toEqual([0]);
    expect(minutesOf(marketAt(4), { to: T + 9 * MINUTE })).toEqual([0, 1, 2]);
  });

  test('show of an open candle its opening tick only, until the very end of the interval', () => {
    const tick = { open: '1', high: '1', low: '1', close: '1', volume: null, trades: null };
    expect(marketAt(0.999).newest(recording)).toMatchObject({ ...tick, isOpen: true });
    expect(marketAt(1).rows(recording, { from: 0, to: T, limit: 1, keep: 'newest' })).toMatchObject(
      [{ open: '1', high: '4', low: '0.5', close: '2', volume: '10', trades: '7', isOpen: false }],
    );
  });
});

describe('amendments of a market', () => {
  const symbol = 'AB';

  test('hide late candles until they are told, and a limit counts what is told', () => {
    const late = { kind: 'late', symbol, interval: '1m', openTime: T + MINUTE } as const;
    expect(minutesOf(marketAt(100, [late]), { limit: 2, keep: 'oldest' })).toEqual([0, 2]);
    expect(minutesOf(marketAt(100, [late]), { limit: 3 })).toEqual([0, 2, 5]);
    expect(minutesOf(marketAt(100, [late, { kind: 'tell', symbol }]), {})).toEqual([0, 1, 2, 5]);
  });

  test('leave out a hole and everything from a delisting on', () => {
    const hole = { kind: 'hole', symbol, from: T + MINUTE, to: T + 3 * MINUTE } as const;
    expect(minutesOf(marketAt(100, [hole]), {})).toEqual([0, 5]);
    const market = marketAt(100, [{ kind: 'delist', symbol, at: T + 2 * MINUTE }]);
    expect(minutesOf(market, {})).toEqual([0, 1]);
    expect(market.instruments()).toMatchObject([{ venueSymbol: 'AB', isTrading: false }]);
    const before = marketAt(1, [{ kind: 'delist', symbol, at: T + 2 * MINUTE }]);
    expect(before.instruments()).toMatchObject([{ isTrading: true }]);
  });

  test('correct the named values of a candle and nothing of an open one but its open', () => {
    const values = { close: '9', volume: '11' };
    const revise = { kind: 'revise', symbol, interval: '1m', openTime: T, values } as const;
    const query = { from: 0, to: T, limit: 1, keep: 'newest' } as const;
    expect(marketAt(100, [revise]).rows(recording, query)).toMatchObject([
      { open: '1', high: '4', close: '9', volume: '11', trades: '7' },
    ]);
    expect(marketAt(0, [revise]).rows(recording, query)).toMatchObject([
      { close: '1', volume: null },
    ]);
  });

  test('put the told time off, and not what is open', () => {
    const market = marketAt(1, [{ kind: 'skew', ms: -90_000 }]);
    expect(market.toldTime()).toBe(T - MINUTE / 2);
    expect(minutesOf(market, {})).toEqual([0, 1]);
  });
});
