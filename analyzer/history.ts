/**
 * The history of a series as it stood at a place in the stream, read from ClickHouse: closed candles
 * from the ledger, waypoints and anchors from their own. The current tables cannot answer that: they
 * may already hold later changes than the one being applied.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CandleValues, Series } from '#core/candle.ts';
import { seriesKey } from '#core/candle.ts';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import { decimal, type DecimalString } from '#core/decimal.ts';
import { GAP_CAUSES } from '#core/gap.ts';
import { nominalWidthMs } from '#core/interval.ts';
import { epochMs } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { HistoricCandle } from './historic-candle.ts';
import { holesOf, NO_HOLES, type Holes } from './holes.ts';
import { newestVersion, type Position } from './position.ts';
import type { OpenRange, SeriesHistory, WaypointMark } from './series-history.ts';
import { NO_ANCHOR } from './series-state.ts';
import type { Waypoint } from './waypoint.ts';

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
const IS_TAKEN = `
  (version < {version:UInt128}
   or (version = {version:UInt128}
       and if(op in ('r', 'i'), toUnixTimestamp64Milli(open_time) <= {openTime:Int64},
              has({rows:Array(Int64)}, if(op = 'd', -1, 1) * toUnixTimestamp64Milli(open_time)))))`;
const OF_SERIES = `
  exchange = {exchange:String} and market_type = {marketType:String}
  and symbol = {symbol:String} and interval = {interval:String}`;
const IN_RANGE = `
  open_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
  and open_time < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;

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
    where ${OF_SERIES} and ${IN_RANGE} and ${IS_TAKEN}
    group by open_time
  )
  where tupleElement(last, 13) = 0
  order by open_time`;

/** The last there is, whatever came of it: an end to reading. */
const LAST = `
  select count() as n, toString(toUnixTimestamp64Milli(max(open_time))) as t
  from ${CLICKHOUSE_TABLES.candleRevisions}
  where ${OF_SERIES} and ${IN_RANGE}`;
const LastRow = Compile(Type.Object({ n: Type.String(), t: Type.String() }));
/** The first that was taken: where a series goes on behind a hole, or behind what came later. */
const NEXT = `
  select toString(toUnixTimestamp64Milli(open_time)) as t
  from ${CLICKHOUSE_TABLES.candleRevisions}
  where ${OF_SERIES} and ${IN_RANGE} and ${IS_TAKEN}
  order by open_time
  limit 1`;
const NextRow = Compile(Type.Object({ t: Type.String() }));

/** The newest waypoint of each boundary at a position, be it that its state cannot be told. */
const PASSED = `
  select boundary, max(version) as newest
  from ${CLICKHOUSE_TABLES.waypoints}
  where series = {series:String} and producer = {producer:String}
    and version <= {newest:UInt128}
    and toUnixTimestamp64Milli(boundary) >= {from:Int64}
    and toUnixTimestamp64Milli(boundary) < {to:Int64}
  group by boundary`;
/** See `tellsState`. */
const TELLS_STATE = `
  (newest != {version:UInt128} or toUnixTimestamp64Milli(boundary) <= {openTime:Int64})`;
const WAYPOINT = `
  select toString(toUnixTimestamp64Milli(boundary)) as b, toString(version) as v, state
  from ${CLICKHOUSE_TABLES.waypoints} final
  where series = {series:String} and producer = {producer:String}
    and (boundary, version) in (
      select boundary, newest from (${PASSED}) where ${TELLS_STATE} order by boundary desc limit 1
    )`;
const MARKS = `
  select toString(toUnixTimestamp64Milli(boundary)) as b, toString(max(version)) as v,
         if(max(version) <= {newest:UInt128}
            and (max(version) != {version:UInt128}
                 or toUnixTimestamp64Milli(boundary) <= {openTime:Int64}),
            argMax(hash, version), null) as last_hash
  from ${CLICKHOUSE_TABLES.waypoints} final
  where series = {series:String} and producer = {producer:String}
    and toUnixTimestamp64Milli(boundary) >= {from:Int64}
    and toUnixTimestamp64Milli(boundary) < {to:Int64}
  group by boundary
  order by boundary`;
const WaypointRow = Compile(
  Type.Object({ b: Type.String(), v: Type.String(), state: Type.String() }),
);
const MarkRow = Compile(
  Type.Object({ b: Type.String(), v: Type.String(), last_hash: NullableText }),
);

const ANCHOR = `
  select toString(toUnixTimestamp64Milli(argMax(anchor, version))) as anchor,
         argMax(is_deleted, version) as is_deleted
  from ${CLICKHOUSE_TABLES.anchors}
  where ${OF_SERIES} and version <= {version:UInt128}
  having count() > 0`;
const AnchorRow = Compile(Type.Object({ anchor: Type.String(), is_deleted: Type.Integer() }));

const GAPS = `
  select toString(toUnixTimestamp64Milli(gap_from)) as f,
         toString(toUnixTimestamp64Milli(argMax(gap_to, version))) as t,
         argMax(cause, version) as cause
  from ${CLICKHOUSE_TABLES.gapRevisions}
  where ${OF_SERIES} and version <= {version:UInt128}
  group by gap_from
  having argMax(is_deleted, version) = 0
  order by gap_from`;
const GapRow = Compile(
  Type.Object({
    f: Type.String(),
    t: Type.String(),
    cause: Type.Union(GAP_CAUSES.map((cause) => Type.Literal(cause))),
  }),
);

/** Slots of the grid in one page. */
const PAGE_SLOTS = 8_192;
/** Slots in which one candle is looked for. */
const BEFORE_SLOTS = 256;
/** 1970 and 2100: all that candles can have. */
const OPEN_MIN = 0;
const OPEN_MAX = 4_102_444_800_000;

export interface HistoryOptions {
  readonly client: ClickHouseClient;
  /** Names the code that the waypoints are of; see `producerId`. */
  readonly producer: string;
}

export class ClickHouseHistory implements SeriesHistory {
  readonly #client: ClickHouseClient;
  readonly #producer: string;

  constructor({ client, producer }: HistoryOptions) {
    this.#client = client;
    this.#producer = producer;
  }

  async *candles(
    series: Series,
    at: Position,
    range: OpenRange,
  ): AsyncGenerator<readonly HistoricCandle[]> {
    const width = PAGE_SLOTS * nominalWidthMs(series.interval);
    const start = Math.max(range.from, OPEN_MIN);
    const last = await this.#last(series, { from: start, to: Math.min(range.to, OPEN_MAX) });
    if (last === null) return;
    let from = await this.#next(series, at, { from: start, to: last + 1 });
    while (from !== null) {
      const to = Math.min(from + width, last + 1);
      const page = await this.#page(series, at, { from, to });
      if (page.length > 0) yield page;
      if (to > last) return;
      from = page.length > 0 ? to : await this.#next(series, at, { from: to, to: last + 1 });
    }
  }

  async candleBefore(series: Series, at: Position, time: number): Promise<HistoricCandle | null> {
    const width = BEFORE_SLOTS * nominalWidthMs(series.interval);
    let to = Math.min(time, OPEN_MAX);
    for (;;) {
      const last = await this.#last(series, { from: OPEN_MIN, to });
      if (last === null) return null;
      const from = Math.max(OPEN_MIN, last + 1 - width);
      const page = await this.#page(series, at, { from, to: last + 1 });
      const found = page.at(-1);
      if (found !== undefined) return found;
      to = from;
    }
  }

  async waypoint(series: Series, at: Position, range: OpenRange): Promise<Waypoint | null> {
    const [row] = await readRows<unknown>(this.#client, WAYPOINT, this.#passed(series, at, range));
    if (row === undefined) return null;
    if (!WaypointRow.Check(row)) throw unexpected(row);
    return { boundary: Number(row.b), version: BigInt(row.v), text: row.state };
  }

  async waypointMarks(
    series: Series,
    at: Position,
    range: OpenRange,
  ): Promise<readonly WaypointMark[]> {
    const rows = await readRows<unknown>(this.#client, MARKS, this.#passed(series, at, range));
    return rows.map((row) => {
      if (!MarkRow.Check(row)) throw unexpected(row);
      return { boundary: Number(row.b), version: BigInt(row.v), hash: row.last_hash };
    });
  }

  async anchor(series: Series, at: Position): Promise<number> {
    if (at.anchor < 0n) return NO_ANCHOR;
    const [row] = await readRows<unknown>(this.#client, ANCHOR, {
      ...series,
      version: String(at.anchor),
    });
    if (row === undefined) return NO_ANCHOR;
    if (!AnchorRow.Check(row)) throw unexpected(row);
    return row.is_deleted === 1 ? NO_ANCHOR : Number(row.anchor);
  }

  async holes(series: Series, at: Position): Promise<Holes> {
    if (at.gap < 0n) return NO_HOLES;
    const rows = await readRows<unknown>(this.#client, GAPS, {
      ...series,
      version: String(at.gap),
    });
    return holesOf(
      rows.map((row) => {
        if (!GapRow.Check(row)) throw unexpected(row);
        return { from: Number(row.f), to: Number(row.t), cause: row.cause };
      }),
    );
  }

  async #last(series: Series, { from, to }: OpenRange): Promise<number | null> {
    if (from >= to) return null;
    const [row] = await readRows<unknown>(this.#client, LAST, { ...series, from, to });
    if (!LastRow.Check(row)) throw unexpected(row);
    return row.n === '0' ? null : Number(row.t);
  }

  async #next(series: Series, at: Position, { from, to }: OpenRange): Promise<number | null> {
    const [row] = await readRows<unknown>(this.#client, NEXT, {
      ...taken(series, at),
      from,
      to,
    });
    if (row === undefined) return null;
    if (!NextRow.Check(row)) throw unexpected(row);
    return Number(row.t);
  }

  async #page(
    series: Series,
    at: Position,
    { from, to }: OpenRange,
  ): Promise<readonly HistoricCandle[]> {
    const rows = await readRows<unknown>(this.#client, AS_OF, { ...taken(series, at), from, to });
    return rows.map((row) => {
      if (!HistoryRow.Check(row)) throw unexpected(row);
      return historicCandle(row);
    });
  }

  #passed(series: Series, at: Position, { from, to }: OpenRange): Record<string, unknown> {
    return {
      series: seriesKey(series),
      producer: this.#producer,
      from: Math.max(from, OPEN_MIN),
      to: Math.min(to, OPEN_MAX),
      version: String(unsigned(at.version)),
      newest: String(unsigned(newestVersion(at))),
      openTime: at.openTime,
    };
  }
}

function taken(series: Series, at: Position): Record<string, unknown> {
  const { openTime, rows } = at;
  return { ...series, version: String(unsigned(at.version)), openTime, rows };
}

/** Below the first version there is none: 0 is not one either. */
function unsigned(version: bigint): bigint {
  return version < 0n ? 0n : version;
}

function unexpected(row: unknown): Error {
  return new Error(`the ledger answered with an unexpected row: ${JSON.stringify(row)}`);
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
