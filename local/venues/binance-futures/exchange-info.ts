/**
 * `/fapi/v1/exchangeInfo` out of the recordings: the symbols that were recorded, listed since their
 * first candle. Tick sizes, precisions and order limits were not recorded, so they are absent.
 */
import type { EpochMs } from '#core/time.ts';
import { startOf, type Recording } from '../recording.ts';

/** What Binance gives as the delivery date of a contract that has none. */
const PERPETUAL_DELIVERY_DATE = 4_133_404_800_000;

export interface ExchangeInfoOptions {
  readonly now: EpochMs;
  /** Request weight allowed in one minute. */
  readonly weightLimit: number;
}

/** The answer's JSON text. */
export function renderExchangeInfo(
  recordings: readonly Recording[],
  { now, weightLimit }: ExchangeInfoOptions,
): string {
  const symbols = new Map<string, { onboardDate: number; recording: Recording }>();
  for (const recording of recordings) {
    const symbol = recording.base + recording.quote;
    const known = symbols.get(symbol);
    const onboardDate = Math.min(startOf(recording), known?.onboardDate ?? Infinity);
    symbols.set(symbol, { onboardDate, recording });
  }
  return JSON.stringify({
    timezone: 'UTC',
    serverTime: now,
    futuresType: 'U_MARGINED',
    rateLimits: [
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: weightLimit },
    ],
    exchangeFilters: [],
    assets: [],
    symbols: [...symbols].map(([symbol, { onboardDate, recording }]) => ({
      symbol,
      pair: symbol,
      contractType: 'PERPETUAL',
      deliveryDate: PERPETUAL_DELIVERY_DATE,
      onboardDate,
      status: 'TRADING',
      baseAsset: recording.base,
      quoteAsset: recording.quote,
      marginAsset: recording.quote,
      filters: [],
    })),
  });
}
