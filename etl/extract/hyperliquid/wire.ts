/**
 * What Hyperliquid sends, as it sends it. Schemas name only what we read and let other keys pass.
 * Nothing is converted here. All requests are `POST /info`; 1200 weight a minute and address.
 *
 * @see https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint
 * @see https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/rate-limits-and-user-limits
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/**
 * `{"type":"exchangeStatus"}`, weight 2: the venue's clock.
 *
 * ```json
 * {"time":1790359200123,"specialStatuses":null}
 * ```
 */
export const EXCHANGE_STATUS = Compile(Type.Object({ time: Type.Integer() }));

const ASSET_SCHEMA = Type.Object({
  name: Type.String({ minLength: 1, description: '`BTC`, `kPEPE`, and `dex:COIN` of a builder' }),
  szDecimals: Type.Optional(Type.Integer({ minimum: 0, maximum: 18 })),
  isDelisted: Type.Optional(Type.Boolean()),
});
export const ASSET = Compile(ASSET_SCHEMA);
export type Asset = Static<typeof ASSET_SCHEMA>;

/**
 * `{"type":"meta"}`, with `"dex"` for the perpetuals of a builder; weight 20 (shortened).
 *
 * ```json
 * {"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":56},
 *   {"szDecimals":1,"name":"MATIC","maxLeverage":20,"marginTableId":20,"isDelisted":true}],
 *  "marginTables":[],"collateralToken":0}
 * ```
 *
 * The place in the list is the asset's number for ever, so what is delisted stays in it. Token 0 is
 * USDC; the answers of 2023 do not name the token yet.
 */
export const META = Compile(
  Type.Object({
    universe: Type.Array(Type.Unknown()),
    collateralToken: Type.Optional(Type.Integer()),
  }),
);

const TEXT_OR_NULL = Type.Union([Type.String(), Type.Null()]);
const CANDLE_SCHEMA = Type.Object({
  t: Type.Integer({ description: 'open time, ms' }),
  T: Type.Integer({ description: 'close time, ms: the last one inside the interval' }),
  s: Type.String({ description: 'coin' }),
  i: Type.String({ description: 'interval' }),
  o: Type.String({ description: 'open' }),
  c: Type.String({ description: 'close' }),
  h: Type.String({ description: 'high' }),
  l: Type.String({ description: 'low' }),
  v: Type.Union(TEXT_OR_NULL.anyOf, { description: 'volume, base asset' }),
  n: Type.Union([Type.Integer({ maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
    description: 'number of trades',
  }),
});

/**
 * One of `{"type":"candleSnapshot","req":{"coin","interval","startTime","endTime"}}`, weight 20 and one
 * more for each 60 candles. Oldest first, from the candle that covers `startTime` to the one that covers
 * `endTime`; that one may still be open, and nothing says so. Only the newest 5000 exist.
 *
 * ```json
 * {"t":1790359200000,"T":1790362799999,"s":"BTC","i":"1h","o":"83766.0","c":"83931.0",
 *  "h":"83952.0","l":"83766.0","v":"243.50048","n":1829}
 * ```
 *
 * Null is what the recorded venue sends for what its recordings do not hold.
 */
export const CANDLE = Compile(CANDLE_SCHEMA);

/** The whole answer; each row is checked on its own, so that one bad row costs one row. */
export const ROWS = Compile(Type.Array(Type.Unknown()));

/**
 * What went wrong, status 200.
 *
 * ```json
 * {"status":"err","response":"Unable to recover signer."}
 * ```
 */
export const FAILURE = Compile(
  Type.Object({ status: Type.Literal('err'), response: Type.String() }),
);

const FUNDING_SCHEMA = Type.Object({
  coin: Type.String(),
  fundingRate: Type.String({ description: 'share of the position, signed' }),
  premium: Type.Optional(Type.Union(TEXT_OR_NULL.anyOf)),
  time: Type.Integer({ description: 'ms, a few past the hour' }),
});

/**
 * One of `{"type":"fundingHistory","coin","startTime","endTime"}`, weight 20 and one more for each 20.
 * Paid each hour; oldest first, at most 500 in one answer.
 *
 * ```json
 * {"coin":"ETH","fundingRate":"-0.00022196","premium":"-0.00052196","time":1683849600076}
 * ```
 */
export const FUNDING = Compile(FUNDING_SCHEMA);

/**
 * A frame of the stream. `candle` holds one candle as above (a list of them by the documentation);
 * `subscriptionResponse` repeats what was subscribed, `pong` answers a ping, `error` says what was wrong.
 *
 * ```json
 * {"channel":"candle","data":{"t":1790358600000,"T":1790358659999,"s":"BTC","i":"1m","o":"83765.0",
 *  "c":"83765.0","h":"83770.0","l":"83756.0","v":"0.3317","n":36}}
 * {"channel":"subscriptionResponse","data":{"method":"subscribe",
 *  "subscription":{"type":"candle","interval":"1d","coin":"HYPE"}}}
 * {"channel":"error","data":"Error parsing JSON into valid websocket request: …"}
 * {"channel":"pong"}
 * ```
 */
export const FRAME = Compile(
  Type.Object({ channel: Type.String(), data: Type.Optional(Type.Unknown()) }),
);

/** What the venue says first on each connection: the one frame that is not JSON. */
export const GREETING = 'Websocket connection established.';
