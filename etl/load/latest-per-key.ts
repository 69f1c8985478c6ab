/**
 * Folds a batch so that each key occurs once, as if its rows had been written one after the other.
 * In: rows in the order they were seen. Out: the last row of each key, in order of first sight. A
 * closed candle is not undone by a later open row, nor a value by a later null.
 */
import { seriesKey, type Candle } from '#core/candle.ts';
import type { LoadRow } from './candle-columns.ts';

export function latestPerKey(rows: readonly LoadRow[]): readonly LoadRow[] {
  if (isStrictlyRising(rows)) return rows;
  const latest = new Map<string, LoadRow>();
  for (const row of rows) {
    const key = `${seriesKey(row.candle)}|${row.candle.openTime}`;
    const earlier = latest.get(key);
    latest.set(key, earlier === undefined ? row : follow(earlier, row));
  }
  return [...latest.values()];
}

/** The usual page: one series, each candle later than the one before; then no key can repeat. */
function isStrictlyRising(rows: readonly LoadRow[]): boolean {
  return rows.every(({ candle }, index) => {
    const before = rows[index - 1]?.candle;
    return (
      before === undefined || (isSameSeries(before, candle) && before.openTime < candle.openTime)
    );
  });
}

function isSameSeries(a: Candle, b: Candle): boolean {
  return (
    a.symbol === b.symbol &&
    a.interval === b.interval &&
    a.exchange === b.exchange &&
    a.marketType === b.marketType
  );
}

function follow(earlier: LoadRow, later: LoadRow): LoadRow {
  const [a, b] = [earlier.candle, later.candle];
  if (a.isClosed && !b.isClosed) return earlier;
  return {
    rawId: later.rawId,
    candle: {
      ...b,
      volume: b.volume ?? a.volume,
      quoteVolume: b.quoteVolume ?? a.quoteVolume,
      trades: b.trades ?? a.trades,
      takerBuyBase: b.takerBuyBase ?? a.takerBuyBase,
      takerBuyQuote: b.takerBuyQuote ?? a.takerBuyQuote,
    },
  };
}
