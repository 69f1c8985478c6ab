/**
 * The closed candles of a series as they stood at a place in the stream, read from the ledger. The
 * current table cannot answer that: it may already hold later changes than the one being applied.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CandleValues, Series } from '#core/candle.ts';
import { decimal, type DecimalString } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Position } from './position.ts';
import type { HistoricCandle } from './series-state.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
/** A closed candle as ClickHouse is asked for it; names are short because there are many rows. */
export const HISTORIC_CANDLE = Type.Object({
  t: Type.String(),
  o: Type.String(),
  h: Type.String(),
  l: Type.String(),
  c: Type.String(),
  v: NullableText,
  q: NullableText,
  n: NullableText,
  b: NullableText,
  k: NullableText,
  r: Type.Integer(),
  s: Type.String(),
  at: Type.String(),
  version: Type.String(),
});
const HistoryRow = Compile(HISTORIC_CANDLE);

/** Within one version a position says which rows were taken: see Position. */
const AS_OF = `
  select toString(toUnixTimestamp64Milli(open_time)) as t,
         toString(tupleElement(last, 1)) as o, toString(tupleElement(last, 2)) as h,
         toString(tupleElement(last, 3)) as l, toString(tupleElement(last, 4)) as c,
         toString(tupleElement(last, 5)) as v, toString(tupleElement(last, 6)) as q,
         toString(tupleElement(last, 7)) as n, toString(tupleElement(last, 8)) as b,
         toString(tupleElement(last, 9)) as k, tupleElement(last, 10) as r,
         tupleElement(last, 11) as s,
         toString(toUnixTimestamp64Milli(tupleElement(last, 12))) as at,
         toString(newest) as version
  from (
    select open_time, max(version) as newest,
           argMax(tuple(open, high, low, close, volume, quote_volume, trades, taker_buy_base,
                        taker_buy_quote, revision, source, observed_at, is_deleted), version) as last
    from candle_revisions
    where exchange = {exchange:String} and market_type = {marketType:String}
      and symbol = {symbol:String} and interval = {interval:String}
      and (version < {version:UInt128}
           or (version = {version:UInt128}
               and if(op in ('r', 'i'), toUnixTimestamp64Milli(open_time) <= {openTime:Int64},
                      has({rows:Array(Int64)},
                          if(op = 'd', -1, 1) * toUnixTimestamp64Milli(open_time)))))
    group by open_time
  )
  where tupleElement(last, 13) = 0
  order by open_time`;

/** All candles of `series` as they stood when it was taken to `at`, oldest first. */
export async function readHistory(
  client: ClickHouseClient,
  series: Series,
  at: Position,
): Promise<HistoricCandle[]> {
  const rows = await readRows<unknown>(client, AS_OF, {
    exchange: series.exchange,
    marketType: series.marketType,
    symbol: series.symbol,
    interval: series.interval,
    version: String(at.version < 0n ? 0n : at.version),
    openTime: at.openTime,
    rows: at.rows,
  });
  return rows.map((row) => {
    if (!HistoryRow.Check(row)) {
      throw new Error(`the ledger answered with an unexpected row: ${JSON.stringify(row)}`);
    }
    return historicCandle(row);
  });
}

/** The candle that a row tells. */
export function historicCandle(row: Static<typeof HISTORIC_CANDLE>): HistoricCandle {
  const values: CandleValues = {
    open: decimal(row.o),
    high: decimal(row.h),
    low: decimal(row.l),
    close: decimal(row.c),
    volume: nullable(row.v),
    quoteVolume: nullable(row.q),
    trades: row.n === null ? null : Number(row.n),
    takerBuyBase: nullable(row.b),
    takerBuyQuote: nullable(row.k),
    isClosed: true,
  };
  return {
    openTime: epochMs(Number(row.t)),
    values,
    revision: row.r,
    observedAt: epochMs(Number(row.at)),
    source: row.s,
    version: BigInt(row.version),
  };
}

function nullable(text: string | null): DecimalString | null {
  return text === null ? null : decimal(text);
}
