/**
 * What Binance USD-M futures alone sends; klines, times, errors and frames are in `../binance/wire.ts`.
 * Schemas name only what we read and let other keys pass. Nothing is converted here.
 *
 * @see https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { SYMBOL_FILTERS } from '../binance/wire.ts';

const SYMBOL_SCHEMA = Type.Object({
  symbol: Type.String({ minLength: 1 }),
  contractType: Type.String(),
  status: Type.String(),
  baseAsset: Type.String({ minLength: 1 }),
  quoteAsset: Type.String({ minLength: 1 }),
  onboardDate: Type.Optional(Type.Integer({ description: 'when trading began, ms' })),
  deliveryDate: Type.Optional(
    Type.Integer({ description: 'when it ends, ms; 2100-12-25 stands for never' }),
  ),
  filters: SYMBOL_FILTERS,
});

/**
 * One of `symbols` of `GET /fapi/v1/exchangeInfo`, weight 1 (shortened).
 *
 * ```json
 * {"symbol":"BLZUSDT","pair":"BLZUSDT","contractType":"PERPETUAL","deliveryDate":4133404800000,
 *  "onboardDate":1598252400000,"status":"TRADING","baseAsset":"BLZ","quoteAsset":"USDT",
 *  "marginAsset":"USDT","pricePrecision":5,
 *  "filters":[{"filterType":"PRICE_FILTER","maxPrice":"300","minPrice":"0.0001","tickSize":"0.0001"},
 *   {"filterType":"LOT_SIZE","maxQty":"10000000","minQty":"1","stepSize":"1"}]}
 * ```
 */
export const FUTURES_SYMBOL = Compile(SYMBOL_SCHEMA);

const FUNDING_SCHEMA = Type.Object({
  symbol: Type.String(),
  fundingTime: Type.Integer({ description: 'ms' }),
  fundingRate: Type.String({ description: 'share of the position, signed' }),
  markPrice: Type.Optional(
    Type.Union([Type.String(), Type.Null()], { description: '"" for payments before late 2023' }),
  ),
});

/**
 * One row of `GET /fapi/v1/fundingRate`: oldest first, at most 1000; all callers of one address share
 * 500 requests in 5 minutes.
 *
 * ```json
 * {"symbol":"BTCUSDT","fundingTime":1698768000000,"fundingRate":"0.00010000","markPrice":"34287.54619963"}
 * ```
 */
export const FUNDING = Compile(FUNDING_SCHEMA);

/** The whole answer; each row is checked on its own. */
export const FUNDINGS = Compile(Type.Array(Type.Unknown()));
