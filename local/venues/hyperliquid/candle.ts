/**
 * A candle, a universe and funding as Hyperliquid writes them, for REST and streams alike. In: rows
 * of the market. Out: JSON text. The number of trades is null where it was not recorded; of a coin
 * only its name is known, so sizes and leverages are absent.
 */
import type { FundingRow } from '../funding-recording.ts';
import { numberOf, textOf } from '../json-text.ts';
import type { Market, MarketRow } from '../market.ts';
import type { Recording } from '../recording.ts';

export function renderCandle({ venueSymbol, interval }: Recording, row: MarketRow): string {
  const coin = JSON.stringify(venueSymbol);
  return (
    `{"t":${row.openTime},"T":${row.end - 1},"s":${coin},"i":"${interval}","o":${textOf(row.open)},` +
    `"c":${textOf(row.close)},"h":${textOf(row.high)},"l":${textOf(row.low)},` +
    `"v":${textOf(row.volume)},"n":${numberOf(row.trades)}}`
  );
}

/** The coins of one dex; the empty name is the venue's own. Those taken off stay in the list. */
export function renderMeta(market: Market, dex: string): string {
  const universe = market
    .instruments()
    .filter(({ venueSymbol }) => dexOf(venueSymbol) === dex)
    .map(({ venueSymbol, isTrading }) => ({
      name: venueSymbol,
      ...(isTrading ? {} : { isDelisted: true }),
    }));
  return JSON.stringify({ universe, marginTables: [], collateralToken: 0 });
}

export function renderFunding(coin: string, rows: readonly FundingRow[]): string {
  const name = JSON.stringify(coin);
  const payments = rows.map(
    ({ time, rate, premium }) =>
      `{"coin":${name},"fundingRate":${textOf(rate)},"premium":${textOf(premium)},"time":${time}}`,
  );
  return `[${payments.join(',')}]`;
}

function dexOf(coin: string): string {
  const at = coin.indexOf(':');
  return at === -1 ? '' : coin.slice(0, at);
}
