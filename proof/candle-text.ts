/**
 * One candle as both stores write it: plain decimals without trailing zeros, epoch milliseconds, `~` for
 * what is absent. In: nothing. Out: SQL for each store, column by column and as one MD5. What is equal
 * here is equal in every column; a new column of a candle is a new line here.
 */

export interface CandleColumn {
  readonly name: string;
  readonly postgres: string;
  readonly clickHouse: string;
}

const price = (name: string): CandleColumn => ({
  name,
  postgres: `trim_scale(${name})::text`,
  clickHouse: `toString(${name})`,
});
const amount = (name: string): CandleColumn => ({
  name,
  postgres: `coalesce(trim_scale(${name})::text, '~')`,
  clickHouse: `ifNull(toString(${name}), '~')`,
});
const instant = (name: string): CandleColumn => ({
  name,
  postgres: `floor(extract(epoch from ${name}) * 1000)::bigint::text`,
  clickHouse: `toString(toUnixTimestamp64Milli(${name}))`,
});

/** What is compared, the open time apart, which is the key. */
export const CANDLE_COLUMNS: readonly CandleColumn[] = [
  price('open'),
  price('high'),
  price('low'),
  price('close'),
  amount('volume'),
  amount('quote_volume'),
  {
    name: 'trades',
    postgres: `coalesce(trades::text, '~')`,
    clickHouse: `ifNull(toString(trades), '~')`,
  },
  amount('taker_buy_base'),
  amount('taker_buy_quote'),
  { name: 'revision', postgres: 'revision::text', clickHouse: 'toString(revision)' },
  instant('observed_at'),
  // Free text comes last, so no value can pass for another one.
  { name: 'source', postgres: 'source', clickHouse: 'toString(source)' },
];

const ALL = [instant('open_time'), ...CANDLE_COLUMNS];

/** 32 hex digits. */
export const POSTGRES_HASH = `md5(concat_ws('|', ${ALL.map((column) => column.postgres).join(', ')}))`;
/** 16 bytes. */
export const CLICKHOUSE_HASH = `MD5(concatWithSeparator('|', ${ALL.map((column) => column.clickHouse).join(', ')}))`;

/** Of rows with such a `hash`: how many, and the sums of its halves. */
export const POSTGRES_SUMS = `
  count(*)::text as rows,
  sum(('x' || substr(hash, 1, 16))::bit(64)::bigint)::text as high,
  sum(('x' || substr(hash, 17, 16))::bit(64)::bigint)::text as low`;
export const CLICKHOUSE_SUMS = `
  toString(count()) as rows,
  toString(sum(toInt128(reinterpretAsInt64(reverse(substring(hash, 1, 8)))))) as high,
  toString(sum(toInt128(reinterpretAsInt64(reverse(substring(hash, 9, 8)))))) as low`;

/** `exchange|market_type|symbol|interval`. */
export const POSTGRES_SERIES = `exchange || '|' || market_type || '|' || symbol || '|' || interval`;
export const CLICKHOUSE_SERIES = `concat(exchange, '|', market_type, '|', symbol, '|', interval)`;
