/**
 * The one place that knows how a candle is spelled as a row of market.candles. In: a candle and
 * where it came from. Out: column names, types, and the text of each value as Postgres reads it.
 * Decimals go through as they are: their text is already exact and canonical.
 */
import type { Candle } from '#core/candle.ts';

/** A candle on its way into the table. */
export interface LoadRow {
  readonly candle: Candle;
  /** market.raw_payloads.id of the payload it was read from; null where none is kept. */
  readonly rawId: bigint | null;
}

export const KEY_COLUMNS = ['exchange', 'market_type', 'symbol', 'interval', 'open_time'] as const;
export const PRICE_COLUMNS = ['open', 'high', 'low', 'close'] as const;
/** Null where the source has none; a stored value is never overwritten by null. */
export const OPTIONAL_COLUMNS = [
  'volume',
  'quote_volume',
  'trades',
  'taker_buy_base',
  'taker_buy_quote',
] as const;
/** About the candle, not of the market: they never make two candles differ. */
export const PROVENANCE_COLUMNS = ['observed_at', 'source', 'raw_id'] as const;

export interface CandleColumn {
  readonly name: string;
  readonly type: string;
  /** Text that Postgres reads as the value; null is SQL null. */
  readonly text: (row: LoadRow) => string | null;
  /** True where the text may hold characters that COPY or an array literal give a meaning to. */
  readonly free: boolean;
}

const EXACT = 'numeric(38, 18)';

function column(
  name: string,
  type: string,
  text: (row: LoadRow) => string | null,
  free = false,
): CandleColumn {
  return { name, type, text, free };
}

/** Every column that the loader sends, in the order it sends them. The run is the batch's. */
export const CANDLE_COLUMNS: readonly CandleColumn[] = [
  column('exchange', 'text', ({ candle }) => candle.exchange, true),
  column('market_type', 'text', ({ candle }) => candle.marketType, true),
  column('symbol', 'text', ({ candle }) => candle.symbol, true),
  column('interval', 'text', ({ candle }) => candle.interval, true),
  column('open_time', 'timestamptz', ({ candle }) => instantText(candle.openTime)),
  column('open', EXACT, ({ candle }) => candle.open, true),
  column('high', EXACT, ({ candle }) => candle.high, true),
  column('low', EXACT, ({ candle }) => candle.low, true),
  column('close', EXACT, ({ candle }) => candle.close, true),
  column('volume', EXACT, ({ candle }) => candle.volume, true),
  column('quote_volume', EXACT, ({ candle }) => candle.quoteVolume, true),
  column('trades', 'bigint', ({ candle }) => integerText(candle.trades)),
  column('taker_buy_base', EXACT, ({ candle }) => candle.takerBuyBase, true),
  column('taker_buy_quote', EXACT, ({ candle }) => candle.takerBuyQuote, true),
  column('is_closed', 'boolean', ({ candle }) => (candle.isClosed ? 't' : 'f')),
  column('observed_at', 'timestamptz', ({ candle }) => instantText(candle.observedAt)),
  column('source', 'text', ({ candle }) => candle.source, true),
  column('raw_id', 'bigint', ({ rawId }) => (rawId === null ? null : String(rawId))),
];

function instantText(time: number): string {
  return new Date(time).toISOString();
}

function integerText(value: number | null): string | null {
  return value === null ? null : String(value);
}

const COPY_SPECIAL = /[\\\t\n\r]/;
const COPY_SPECIALS = /[\\\t\n\r]/g;
const COPY_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};
const ARRAY_SPECIAL = /["\\]/;
const ARRAY_SPECIALS = /["\\]/g;

/** First and last open time of a batch, as Postgres reads them: the bounds of its statements. */
export function openTimeBounds(rows: readonly LoadRow[]): [string, string] {
  let first = Infinity;
  let last = -Infinity;
  for (const { candle } of rows) {
    first = Math.min(first, candle.openTime);
    last = Math.max(last, candle.openTime);
  }
  return [instantText(first), instantText(last)];
}

/** One line of COPY's text format, line end included. @param end what follows our columns. */
export function copyLine(row: LoadRow, end = '\n'): string {
  let line = '';
  let separator = '';
  for (const { text, free } of CANDLE_COLUMNS) {
    line += separator;
    separator = '\t';
    const value = text(row);
    if (value === null) line += '\\N';
    else if (free && COPY_SPECIAL.test(value)) {
      line += value.replace(COPY_SPECIALS, (found) => COPY_ESCAPES[found] ?? found);
    } else line += value;
  }
  return line + end;
}

/** A FROM item that yields the rows of `columnArrays`, whose arrays are parameters from `first` on. */
export function arraysSql(first: number): string {
  const arrays = CANDLE_COLUMNS.map(({ type }, index) => `$${first + index}::${type}[]`);
  const names = CANDLE_COLUMNS.map(({ name }) => name);
  return `(select * from unnest(${arrays.join(', ')}) as u (${names.join(', ')}))`;
}

/** One array literal for each column, in column order: what `unnest` turns back into rows. */
export function columnArrays(rows: readonly LoadRow[]): string[] {
  return CANDLE_COLUMNS.map(({ text, free }) => {
    let literal = '';
    for (const row of rows) {
      const value = text(row);
      literal += literal === '' ? '{' : ',';
      if (value === null) literal += 'NULL';
      else if (!free) literal += value;
      else if (ARRAY_SPECIAL.test(value)) literal += `"${value.replace(ARRAY_SPECIALS, '\\$&')}"`;
      else literal += `"${value}"`;
    }
    return literal === '' ? '{}' : `${literal}}`;
  });
}
