/**
 * The closed candles that were known at a place in the WAL, as replays read them. In: a barrier, or any
 * LSN. Out: series, anchors, and candles oldest first in pages of a bounded size: from Postgres, which has
 * the latest of each, or from the ledger in ClickHouse, which has every change with its place.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CandleValues, Series } from '#core/candle.ts';
import { decimal, type DecimalString } from '#core/decimal.ts';
import { nominalWidthMs } from '#core/interval.ts';
import { parseSeries } from '#core/series-list.ts';
import { epochMs, formatInstant, type EpochMs } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { PoolClient } from '#platform/postgres.ts';
import type { Holes } from '../analyzer/holes.ts';
import { NO_ANCHOR } from '../analyzer/series-state.ts';
import { CLICKHOUSE_SERIES, POSTGRES_SERIES } from './candle-text.ts';
import { holesInLedger, holesInPostgres } from './known-holes.ts';
import { IS_BELOW, MAY_BE_ABOVE } from './place.ts';
import { inClickHouse, inPostgres, type Scope } from './scope.ts';
import { IN_RANGE, OF_SERIES } from './stored-evaluations.ts';

export interface KnownCandle {
  readonly openTime: EpochMs;
  readonly values: CandleValues;
}

export interface KnownCandles {
  /** Of those in the scope, which have a closed candle; in order of their keys. */
  series(scope: Scope): Promise<readonly Series[]>;
  /** Open time of the first candle that counts, or NO_ANCHOR. */
  anchor(series: Series): Promise<number>;
  /** What its candles must not be trusted across. */
  holes(series: Series): Promise<Holes>;
  /** Open time of the first closed candle at or after `from`; null where there is none. */
  first(series: Series, from: number): Promise<number | null>;
  /** Closed candles with open times in [from, to), which may be infinite. */
  pages(series: Series, from: number, to: number): AsyncIterable<readonly KnownCandle[]>;
}

/** Candles in a page; for the ledger, slots of the grid. */
const PAGE = 8_192;
/** 1990 and 2100: all that candles can have. */
export const OPEN_MIN = Date.UTC(1990, 0, 1);
export const OPEN_MAX = Date.UTC(2100, 0, 1) - 1;

const NullableText = Type.Union([Type.String(), Type.Null()]);
/** The same names from both stores. */
const CANDLE = Compile(
  Type.Object({
    t: Type.String(),
    open: Type.String(),
    high: Type.String(),
    low: Type.String(),
    close: Type.String(),
    volume: NullableText,
    quote_volume: NullableText,
    trades: NullableText,
    taker_buy_base: NullableText,
    taker_buy_quote: NullableText,
  }),
);
const Key = Compile(Type.Object({ key: Type.String() }));
const Time = Compile(Type.Object({ t: NullableText }));
const Anchor = Compile(Type.Object({ t: Type.String(), gone: Type.Integer() }));

const VALUES = `open, high, low, close, volume, quote_volume, trades, taker_buy_base, taker_buy_quote`;
const PG_MS = (column: string): string =>
  `floor(extract(epoch from ${column}) * 1000)::bigint::text`;
const PG_SERIES = `exchange = $1::text and market_type = $2::text and symbol = $3::text
  and interval = $4::text`;

/** What Postgres holds in the sight of a transaction. */
export function knownToPostgres(client: PoolClient): KnownCandles {
  const parts = ({ exchange, marketType, symbol, interval }: Series): string[] => [
    exchange,
    marketType,
    symbol,
    interval,
  ];
  return {
    series: async (scope) => {
      const { sql, parameters } = inPostgres({ ...scope, from: null, to: null });
      const { rows } = await client.query<{ key: string }>(
        `select distinct ${POSTGRES_SERIES} as key from market.candles where is_closed ${sql}
         order by 1`,
        [...parameters],
      );
      return rows.map(({ key }) => seriesOf(key));
    },
    anchor: async (series) => {
      const { rows } = await client.query<{ t: string }>(
        `select ${PG_MS('anchor')} as t from market.anchors where ${PG_SERIES}`,
        parts(series),
      );
      return rows[0] === undefined ? NO_ANCHOR : Number(rows[0].t);
    },
    holes: (series) => holesInPostgres(client, series),
    first: async (series, from) => {
      const { rows } = await client.query<{ t: string }>(
        `select ${PG_MS('open_time')} as t from market.candles
         where ${PG_SERIES} and is_closed and open_time >= $5::timestamptz
         order by open_time limit 1`,
        [...parts(series), instantText(from)],
      );
      return rows[0] === undefined ? null : Number(rows[0].t);
    },
    pages: async function* (series, from, to) {
      for (let next = from; next < to;) {
        const { rows } = await client.query(
          `select ${PG_MS('open_time')} as t, ${VALUES} from market.candles
           where ${PG_SERIES} and is_closed and open_time >= $5::timestamptz
             and open_time <= $6::timestamptz
           order by open_time
           limit ${PAGE}`,
          [...parts(series), instantText(next), instantText(to - 1)],
        );
        const page = rows.map(candleOf);
        if (page.length > 0) yield page;
        if (page.length < PAGE) return;
        next = page.at(-1)!.openTime + 1;
      }
    },
  };
}

/** What the ledger tells of a place: of every candle the newest change whose record lies below. */
export function knownToLedger(clickhouse: ClickHouseClient, lsn: bigint): KnownCandles {
  const place = { lsn: String(lsn) };
  const read = (query: string, parameters: Readonly<Record<string, unknown>>): Promise<unknown[]> =>
    readRows<unknown>(clickhouse, query, { ...parameters, ...place });
  const first = async (series: Series, from: number): Promise<number | null> => {
    const [row] = await read(
      `select nullIf(toString(toUnixTimestamp64Milli(min(open_time))), '0') as t
       from candle_revisions where ${OF_SERIES} and ${IN_RANGE} and ${IS_BELOW}`,
      { ...series, from: within(from), to: OPEN_MAX },
    );
    if (!Time.Check(row)) throw unexpected(row);
    return row.t === null ? null : Number(row.t);
  };
  return {
    series: async (scope) => {
      const { sql, parameters } = inClickHouse({ ...scope, from: null, to: null });
      const rows = await read(
        `select distinct ${CLICKHOUSE_SERIES} as key from candle_revisions
         where ${IS_BELOW} ${sql} order by key`,
        parameters,
      );
      return rows.map((row) => {
        if (!Key.Check(row)) throw unexpected(row);
        return seriesOf(row.key);
      });
    },
    anchor: async (series) => {
      const [row] = await read(
        `select toString(toUnixTimestamp64Milli(argMax(anchor, version))) as t,
                argMax(is_deleted, version) as gone
         from anchors where ${OF_SERIES} and not (${MAY_BE_ABOVE})
         having count() > 0`,
        { ...series },
      );
      if (row === undefined) return NO_ANCHOR;
      if (!Anchor.Check(row)) throw unexpected(row);
      return row.gone === 1 ? NO_ANCHOR : Number(row.t);
    },
    holes: (series) => holesInLedger(clickhouse, series, lsn),
    first,
    pages: async function* (series, from, to) {
      const width = PAGE * nominalWidthMs(series.interval);
      const end = Math.min(to, OPEN_MAX);
      let next = await first(series, from);
      while (next !== null && next < end) {
        const until = Math.min(next + width, end);
        const page = (await read(AS_OF, { ...series, from: next, to: until })).map(candleOf);
        if (page.length > 0) yield page;
        next = await first(series, until);
      }
    },
  };
}

const AS_OF = `
  select toString(toUnixTimestamp64Milli(open_time)) as t,
         ${VALUES.split(', ')
           .map((name, at) => `toString(tupleElement(last, ${at + 1})) as ${name}`)
           .join(', ')}
  from (
    select open_time, argMax(tuple(${VALUES}, is_deleted), version) as last
    from candle_revisions
    where ${OF_SERIES} and ${IN_RANGE} and ${IS_BELOW}
    group by open_time
  )
  where tupleElement(last, 10) = 0
  order by open_time`;

function candleOf(row: unknown): KnownCandle {
  if (!CANDLE.Check(row)) throw unexpected(row);
  return {
    openTime: epochMs(Number(row.t)),
    values: {
      open: decimal(row.open),
      high: decimal(row.high),
      low: decimal(row.low),
      close: decimal(row.close),
      volume: optional(row.volume),
      quoteVolume: optional(row.quote_volume),
      trades: row.trades === null ? null : Number(row.trades),
      takerBuyBase: optional(row.taker_buy_base),
      takerBuyQuote: optional(row.taker_buy_quote),
      isClosed: true,
    },
  };
}

function optional(text: string | null): DecimalString | null {
  return text === null ? null : decimal(text);
}

function seriesOf(key: string): Series {
  const series = parseSeries(key);
  if (series === null) throw new Error(`a store names a series "${key}"`);
  return series;
}

/** In the years that times may have. */
function within(time: number): number {
  return Math.min(Math.max(time, OPEN_MIN), OPEN_MAX);
}

function instantText(time: number): string {
  return formatInstant(epochMs(within(time)));
}

function unexpected(row: unknown): Error {
  return new Error(`unexpected row: ${JSON.stringify(row)}`);
}
