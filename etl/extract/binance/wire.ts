/**
 * What Binance's markets send alike, as they send it: answers of `/fapi/v1` and `/api/v3`. Schemas name
 * only what we read and let other keys and trailing elements pass. Nothing is converted here.
 *
 * @see https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
 * @see https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/**
 * `GET …/time`, weight 1.
 *
 * ```json
 * {"serverTime":1627941475955}
 * ```
 */
export const SERVER_TIME = Compile(Type.Object({ serverTime: Type.Integer() }));

/**
 * `GET …/exchangeInfo`, weight 1 for futures, 20 for spot (shortened).
 *
 * ```json
 * {"timezone":"UTC","serverTime":1565613908500,
 *  "rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400}],
 *  "symbols":[]}
 * ```
 */
export const EXCHANGE_INFO = Compile(
  Type.Object({
    rateLimits: Type.Array(
      Type.Object({
        rateLimitType: Type.String(),
        interval: Type.String(),
        intervalNum: Type.Integer(),
        limit: Type.Integer(),
      }),
    ),
    symbols: Type.Array(Type.Unknown()),
  }),
);

const TEXT_OR_NULL = Type.Union([Type.String(), Type.Null()]);
const KLINE_SCHEMA = Type.Tuple(
  [
    Type.Integer({ description: 'open time, ms' }),
    Type.String({ description: 'open' }),
    Type.String({ description: 'high' }),
    Type.String({ description: 'low' }),
    Type.String({ description: 'close' }),
    Type.Union([Type.String(), Type.Null()], { description: 'volume, base asset' }),
    Type.Integer({ description: 'close time, ms: the last one inside the interval' }),
    Type.Union(TEXT_OR_NULL.anyOf, { description: 'volume, quote asset' }),
    Type.Union([Type.Integer({ maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
      description: 'number of trades',
    }),
    Type.Union(TEXT_OR_NULL.anyOf, { description: 'taker buy volume, base asset' }),
    Type.Union(TEXT_OR_NULL.anyOf, { description: 'taker buy volume, quote asset' }),
  ],
  { additionalItems: true },
);

/**
 * One row of `GET …/klines`. The answer is an array of these,
 * oldest first; the last may still be open. The twelfth element is documented as to be ignored.
 *
 * ```json
 * [1791382920000,"83137.90","83155.70","83082.90","83084.90","102.437",1791382979999,
 *  "8514292.61220",4409,"49.832","4141805.93340","0"]
 * ```
 *
 * Binance always sends the optional fields; null is what the recorded venue sends for what its
 * recordings do not hold. "0" is a value here (a minute without trades), never "absent".
 */
export const KLINE = Compile(KLINE_SCHEMA);

/** The whole answer; each row is checked on its own, so that one bad row costs one row. */
export const KLINES = Compile(Type.Array(Type.Unknown()));

/**
 * Any refusal, HTTP 4xx or 5xx.
 *
 * ```json
 * {"code":-1121,"msg":"Invalid symbol."}
 * ```
 */
export const REFUSAL = Compile(Type.Object({ code: Type.Integer(), msg: Type.String() }));

/** The same inside a frame: `{"error":{"code":4,"msg":"Too many subscriptions"}}`. */
export const STREAM_REFUSAL = Compile(
  Type.Object({ error: Type.Object({ code: Type.Integer(), msg: Type.String() }) }),
);

const KLINE_EVENT_SCHEMA = Type.Object({
  e: Type.Literal('kline'),
  E: Type.Integer({ description: 'event time, ms' }),
  s: Type.String({ description: 'symbol' }),
  k: Type.Object({
    t: Type.Integer({ description: 'open time, ms' }),
    T: Type.Integer({ description: 'close time, ms: the last one inside the interval' }),
    i: Type.String({ description: 'interval' }),
    o: Type.String({ description: 'open' }),
    c: Type.String({ description: 'close' }),
    h: Type.String({ description: 'high' }),
    l: Type.String({ description: 'low' }),
    v: Type.Union(TEXT_OR_NULL.anyOf, { description: 'volume, base asset' }),
    n: Type.Union([Type.Integer({ maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
      description: 'number of trades',
    }),
    x: Type.Boolean({ description: 'whether the candle is closed' }),
    q: Type.Union(TEXT_OR_NULL.anyOf, { description: 'volume, quote asset' }),
    V: Type.Union(TEXT_OR_NULL.anyOf, { description: 'taker buy volume, base asset' }),
    Q: Type.Union(TEXT_OR_NULL.anyOf, { description: 'taker buy volume, quote asset' }),
  }),
});

/**
 * A frame of `<symbol>@kline_<interval>`; combined streams wrap it as `{"stream":…,"data":…}`.
 *
 * ```json
 * {"e":"kline","E":1791382992723,"s":"BTCUSDT","k":{"t":1791382980000,"T":1791383039999,
 *  "s":"BTCUSDT","i":"1m","f":8153633367,"L":8153634395,"o":"83084.90","c":"83091.60",
 *  "h":"83091.70","l":"83051.20","v":"13.551","n":1027,"x":false,"q":"1125714.73960",
 *  "V":"6.426","Q":"533856.66860","B":"0"}}
 * ```
 *
 * Null is what the recorded venue sends for what its recordings do not hold.
 */
export const KLINE_EVENT = Compile(KLINE_EVENT_SCHEMA);
export type KlineEvent = Static<typeof KLINE_EVENT_SCHEMA>;

/** The answer to a request frame: `{"result":null,"id":1}`, or an error. */
export const STREAM_REPLY = Compile(
  Type.Object({
    id: Type.Union([Type.Integer(), Type.String(), Type.Null()]),
    error: Type.Optional(Type.Object({ code: Type.Integer(), msg: Type.String() })),
  }),
);

const FILTERS = Type.Array(
  Type.Object({
    filterType: Type.String(),
    tickSize: Type.Optional(Type.String()),
    stepSize: Type.Optional(Type.String()),
  }),
);
/** `filters` of a symbol: precisions are not step sizes, these are. */
export const SYMBOL_FILTERS = FILTERS;
export type SymbolFilters = Static<typeof FILTERS>;
