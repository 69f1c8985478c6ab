/**
 * `klines` and `fundingRate` as Binance writes them. In: rows of the market. Out: JSON text: an
 * ascending array of 12-element arrays with prices as strings, or of funding payments.
 *
 * Two deviations from the real wire, both because nothing is invented here:
 * - what recordings do not hold (quote volume, trades, taker volumes, and an empty volume) is null;
 * - a candle that is still open shows its opening tick only. Its close time lies at or after now, as
 *   with the real venue.
 */
import type { FundingRow } from '../funding-recording.ts';
import { numberOf, textOf } from '../json-text.ts';
import type { MarketRow } from '../market.ts';

export function renderKlines(rows: readonly MarketRow[]): string {
  return `[${rows.map((row) => renderKline(row)).join(',')}]`;
}

function renderKline(row: MarketRow): string {
  const prices = [row.open, row.high, row.low, row.close, row.volume].map((cell) => textOf(cell));
  const rest = [
    textOf(row.quoteVolume),
    numberOf(row.trades),
    textOf(row.takerBuyBase),
    textOf(row.takerBuyQuote),
  ];
  return `[${row.openTime},${prices.join(',')},${row.end - 1},${rest.join(',')},"0"]`;
}

/** The venue sends an empty mark price where it has none, as for its payments of 2019. */
export function renderFunding(venueSymbol: string, rows: readonly FundingRow[]): string {
  const symbol = JSON.stringify(venueSymbol);
  const payments = rows.map(
    ({ time, rate, markPrice }) =>
      `{"symbol":${symbol},"fundingTime":${time},"fundingRate":${textOf(rate)},` +
      `"markPrice":${textOf(markPrice ?? '')}}`,
  );
  return `[${payments.join(',')}]`;
}
