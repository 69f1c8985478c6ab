/** Candles as change capture tells them. In: a candle and its place. Out: the change that makes it. */
import { seriesKey, type Candle } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';

/** A candle that was inserted as the `index`-th of a stream. */
export function changeOf(candle: Candle, index: number): CandleChange {
  const { exchange, marketType, symbol, interval, openTime, observedAt, source, ...values } =
    candle;
  const series = { exchange, marketType, symbol, interval };
  return {
    series,
    key: seriesKey(series),
    openTime,
    values,
    revision: 0,
    observedAt,
    source,
    ingestRunId: '1',
    rawId: null,
    op: 'c',
    origin: 'stream',
    version: (1000n + BigInt(index)) << 64n,
    lsn: String(index),
    txId: 1,
    committedAt: observedAt,
    partition: 0,
    offset: String(index),
  };
}
