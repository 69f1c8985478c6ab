/**
 * `exchangeInfo` out of the recordings: the symbols that were recorded, listed since their first
 * candle. Tick sizes, precisions and order limits were not recorded, so they are absent.
 */
import type { Market, MarketInstrument } from '../market.ts';
import type { BinanceProduct } from './product.ts';

/** What Binance gives as the delivery date of a contract that has none. */
const PERPETUAL_DELIVERY_DATE = 4_133_404_800_000;

/** The answer's JSON text. @param weightLimit request weight allowed in one minute */
export function renderExchangeInfo(
  product: BinanceProduct,
  market: Market,
  weightLimit: number,
): string {
  const isFutures = product.venue === 'binance-futures';
  const describe = isFutures ? describeContract : describePair;
  return JSON.stringify({
    timezone: 'UTC',
    serverTime: market.toldTime(),
    ...(isFutures ? { futuresType: 'U_MARGINED' } : {}),
    rateLimits: [
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: weightLimit },
    ],
    exchangeFilters: [],
    ...(isFutures ? { assets: [] } : {}),
    symbols: market.instruments().map((instrument) => describe(instrument, product)),
  });
}

function describeContract(instrument: MarketInstrument, product: BinanceProduct): object {
  const { venueSymbol, base, quote, since, isTrading } = instrument;
  return {
    symbol: venueSymbol,
    pair: venueSymbol,
    contractType: 'PERPETUAL',
    deliveryDate: PERPETUAL_DELIVERY_DATE,
    onboardDate: since,
    status: isTrading ? 'TRADING' : product.delistedStatus,
    baseAsset: base,
    quoteAsset: quote,
    marginAsset: quote,
    filters: [],
  };
}

/** Spot does not say when a pair was listed. */
function describePair(instrument: MarketInstrument, product: BinanceProduct): object {
  const { venueSymbol, base, quote, isTrading } = instrument;
  return {
    symbol: venueSymbol,
    status: isTrading ? 'TRADING' : product.delistedStatus,
    baseAsset: base,
    quoteAsset: quote,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters: [],
    permissions: [],
    permissionSets: [['SPOT']],
  };
}
