/**
 * What Binance spot alone sends; klines, times, errors and frames are in `../binance/wire.ts`. Schemas
 * name only what we read and let other keys pass. Nothing is converted here.
 *
 * @see https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { SYMBOL_FILTERS } from '../binance/wire.ts';

const SYMBOL_SCHEMA = Type.Object({
  symbol: Type.String({ minLength: 1 }),
  status: Type.String({ description: '`TRADING`, `HALT`, `BREAK` (taken off), …' }),
  baseAsset: Type.String({ minLength: 1 }),
  quoteAsset: Type.String({ minLength: 1 }),
  isSpotTradingAllowed: Type.Optional(Type.Boolean()),
  filters: SYMBOL_FILTERS,
});

/**
 * One of `symbols` of `GET /api/v3/exchangeInfo`, weight 20 (shortened).
 *
 * ```json
 * {"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","baseAssetPrecision":8,"quoteAsset":"BTC",
 *  "isSpotTradingAllowed":true,
 *  "filters":[{"filterType":"PRICE_FILTER","minPrice":"0.00000100","tickSize":"0.00000100"},
 *   {"filterType":"LOT_SIZE","minQty":"0.00100000","stepSize":"0.00100000"}]}
 * ```
 *
 * When a pair was listed or will be taken off is not said.
 */
export const SPOT_SYMBOL = Compile(SYMBOL_SCHEMA);
export type SpotSymbol = Static<typeof SYMBOL_SCHEMA>;
