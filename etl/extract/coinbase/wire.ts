/**
 * What Coinbase sends, as it sends it: the Exchange REST API, and the candles of Advanced Trade. Schemas
 * name only what we read and let other keys and trailing elements pass. Nothing is converted here, but
 * JSON numbers are read as text, so that no digit passes through a float.
 *
 * @see https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles
 * @see https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/**
 * `GET /time`.
 *
 * ```json
 * {"iso":"2015-01-07T23:47:25.201Z","epoch":1420674445.201}
 * ```
 */
export const TIME = Compile(Type.Object({ iso: Type.String() }));

const PRODUCT_SCHEMA = Type.Object({
  id: Type.String({ minLength: 1 }),
  base_currency: Type.String({ minLength: 1 }),
  quote_currency: Type.String({ minLength: 1 }),
  base_increment: Type.Optional(Type.String()),
  quote_increment: Type.Optional(Type.String()),
  status: Type.String(),
  trading_disabled: Type.Optional(Type.Boolean()),
});

/**
 * One of `GET /products` (shortened). The answers of 2018 have no `base_increment`.
 *
 * ```json
 * {"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","base_increment":"0.00000001",
 *  "quote_increment":"0.01","display_name":"BTC-USD","status":"online","trading_disabled":false}
 * ```
 */
export const PRODUCT = Compile(PRODUCT_SCHEMA);
export type Product = Static<typeof PRODUCT_SCHEMA>;

const ADVANCED_PRODUCT_SCHEMA = Type.Object({
  product_id: Type.String({ minLength: 1 }),
  base_currency_id: Type.String({ minLength: 1 }),
  quote_currency_id: Type.String({ minLength: 1 }),
  base_increment: Type.Optional(Type.String()),
  quote_increment: Type.Optional(Type.String()),
  price_increment: Type.Optional(Type.String()),
  product_type: Type.String({ description: '`SPOT` or `FUTURE`' }),
  status: Type.String(),
  is_disabled: Type.Optional(Type.Boolean()),
  trading_disabled: Type.Optional(Type.Boolean()),
  alias: Type.Optional(Type.String({ description: 'the product whose book this one is' })),
  alias_to: Type.Optional(Type.Array(Type.String(), { description: 'other ids of this book' })),
});

/**
 * One of `products` of Advanced Trade, for people who have such a file (shortened). `BTC-USD` says
 * `"alias":"","alias_to":["BTC-USDC"]`, and `BTC-USDC` says `"alias":"BTC-USD"`: one book, two ids.
 *
 * ```json
 * {"product_id":"BTC-USD","base_increment":"0.00000001","quote_increment":"0.01","status":"online",
 *  "product_type":"SPOT","quote_currency_id":"USD","base_currency_id":"BTC","trading_disabled":false,
 *  "alias":"","alias_to":["BTC-USDC"],"price_increment":"0.01"}
 * ```
 */
export const ADVANCED_PRODUCT = Compile(ADVANCED_PRODUCT_SCHEMA);
export type AdvancedProduct = Static<typeof ADVANCED_PRODUCT_SCHEMA>;

export const PRODUCTS = Compile(Type.Array(Type.Unknown()));
export const ADVANCED_PRODUCTS = Compile(Type.Object({ products: Type.Array(Type.Unknown()) }));

/**
 * One row of `GET /products/{id}/candles?granularity=60&start=…&end=…`: time in **seconds**, then low,
 * high, open, close, volume, all JSON numbers. Newest first; both ends of the range are in it, and rows
 * before its start may be; minutes without a trade are absent. At most 300 may be asked for.
 *
 * ```json
 * [1517443680,10106.01,10130,10129.99,10106.01,4.727521520000001]
 * ```
 *
 * Null is what the recorded venue sends for what its recordings do not hold.
 */
export const CANDLE_ROW = Compile(
  Type.Tuple(
    [
      Type.String({ description: 'open time, s' }),
      Type.String({ description: 'low' }),
      Type.String({ description: 'high' }),
      Type.String({ description: 'open' }),
      Type.String({ description: 'close' }),
      Type.Union([Type.String(), Type.Null()], { description: 'volume, base asset' }),
    ],
    { additionalItems: true },
  ),
);

/** The whole answer; each row is checked on its own, so that one bad row costs one row. */
export const CANDLE_ROWS = Compile(Type.Array(Type.Unknown()));

const ADVANCED_CANDLE_SCHEMA = Type.Object({
  start: Type.String({ description: 'open time, s' }),
  low: Type.String(),
  high: Type.String(),
  open: Type.String(),
  close: Type.String(),
  volume: Type.Union([Type.String(), Type.Null()], { description: 'base asset' }),
});

/**
 * A candle of Advanced Trade, in answers and frames alike.
 *
 * ```json
 * {"start":"1696982400","low":"26521.32","high":"27478.61","open":"27393.28","close":"26869.19",
 *  "volume":"16466.26612207"}
 * ```
 */
export const ADVANCED_CANDLE = Compile(ADVANCED_CANDLE_SCHEMA);
export type AdvancedCandle = Static<typeof ADVANCED_CANDLE_SCHEMA>;
export const ADVANCED_CANDLES = Compile(Type.Object({ candles: Type.Array(Type.Unknown()) }));

/**
 * Any refusal, HTTP 4xx or 5xx.
 *
 * ```json
 * {"message":"NotFound"}
 * ```
 */
export const REFUSAL = Compile(Type.Object({ message: Type.String() }));

/**
 * A frame of Advanced Trade. `sequence_num` counts the frames of a connection, whatever the channel.
 * Candles are of five minutes, and none is ever said to be closed.
 *
 * ```json
 * {"channel":"candles","client_id":"","timestamp":"2023-06-09T20:19:35.39625135Z","sequence_num":0,
 *  "events":[{"type":"snapshot","candles":[{"start":"1688998200","high":"1867.72","low":"1865.63",
 *   "open":"1867.38","close":"1866.81","volume":"0.20269406","product_id":"ETH-USD"}]}]}
 * ```
 */
export const FRAME = Compile(
  Type.Object({
    channel: Type.String(),
    timestamp: Type.Optional(Type.String()),
    sequence_num: Type.Optional(Type.Integer({ minimum: 0 })),
    events: Type.Optional(Type.Array(Type.Unknown())),
  }),
);
export const CANDLES_EVENT = Compile(Type.Object({ candles: Type.Array(Type.Unknown()) }));
export const NAMED_CANDLE = Compile(Type.Object({ product_id: Type.String() }));

/** `{"type":"error","message":"…"}`: what was asked cannot be had. */
export const STREAM_ERROR = Compile(
  Type.Object({ type: Type.Literal('error'), message: Type.String() }),
);
