/**
 * Binance's spelling of symbols without its list: `BTCUSDT` is base and quote in one word, so a known
 * quote asset has to end it. In: any spelling. Out: canonical and venue spelling, or why there is none.
 * Where the list is at hand it decides, since a word may be cut in more than one place.
 */
import { AppError } from '#core/errors.ts';
import type { VenueSymbol } from '../mapper.ts';

/** @throws AppError WICK_ETL_UNSUPPORTED that says why the text means no symbol. */
export function parseBinanceSymbol(
  venue: string,
  text: string,
  quotes: readonly string[],
): VenueSymbol {
  const upper = text.toUpperCase();
  const [base = '', quote, ...rest] = upper.split(/[/-]/);
  if (quote !== undefined && quote !== '' && base !== '' && rest.length === 0) {
    return named(base, quote);
  }
  const why = whyNot(upper);
  if (why !== null) throw refuse(venue, text, why);
  const found = quotes
    .filter((each) => upper.endsWith(each) && upper.length > each.length)
    .sort((a, b) => b.length - a.length)[0];
  if (found === undefined || quote !== undefined) {
    throw refuse(venue, text, 'it ends with no quote asset that is known; write it as BASE/QUOTE');
  }
  return named(upper.slice(0, -found.length), found);
}

/** Why the venue's spelling is none of ours; null where nothing speaks against it. */
export function whyNot(venueSymbol: string): string | null {
  if (/_\d{6}$/.test(venueSymbol)) {
    return 'it is a delivery contract, which ends on a date; only perpetuals and spot pairs are kept';
  }
  if (/_PERP$/i.test(venueSymbol)) {
    return 'it is a coin-margined perpetual, which is another market of the venue';
  }
  return null;
}

function named(base: string, quote: string): VenueSymbol {
  return { symbol: `${base}/${quote}`, base, quote, venueSymbol: `${base}${quote}` };
}

function refuse(venue: string, text: string, why: string): AppError {
  return new AppError('WICK_ETL_UNSUPPORTED', `${venue} has no symbol "${text}": ${why}`, {
    details: { exchange: venue, symbol: text },
  });
}
