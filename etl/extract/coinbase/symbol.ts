/**
 * Coinbase's spelling of symbols: `BTC-USD` is `BTC/USD`. In: any spelling. Out: canonical and venue
 * spelling, or why there is none. Two ids of one book (`BTC-USDC` beside `BTC-USD`) are told apart by
 * the venue's list alone.
 */
import { AppError } from '#core/errors.ts';
import type { VenueSymbol } from '../mapper.ts';

export const EXCHANGE = 'coinbase';
/** What pairs are quoted in, for spellings without a sign in between. */
const QUOTES = ['USD', 'USDC', 'USDT', 'EUR', 'GBP', 'BTC', 'ETH', 'DAI', 'INR', 'AUD', 'CAD'];
const ASSET = /^[A-Z0-9.]{1,20}$/;

/** @throws AppError WICK_ETL_UNSUPPORTED that says why the text means no symbol. */
export function parseCoinbaseSymbol(text: string): VenueSymbol {
  const why = whyNot(text);
  if (why !== null) throw refuse(text, why);
  const upper = text.toUpperCase();
  const [base = '', quote] = /[/-]/.test(upper) ? upper.split(/[/-]/) : cut(upper);
  if (quote === undefined || !ASSET.test(base) || !ASSET.test(quote)) {
    throw refuse(text, 'that is no pair; write for example BTC/USD');
  }
  return { symbol: `${base}/${quote}`, base, quote, venueSymbol: `${base}-${quote}` };
}

/** Why a spelling is none of ours; null where nothing speaks against it. */
export function whyNot(text: string): string | null {
  return text.split(/[/-]/).length > 2
    ? 'a name of three parts is a future, which ends on a date; only spot pairs are kept'
    : null;
}

function cut(word: string): readonly string[] {
  const quote = QUOTES.filter((each) => word.endsWith(each) && word.length > each.length).sort(
    (a, b) => b.length - a.length,
  )[0];
  return quote === undefined ? [word] : [word.slice(0, -quote.length), quote];
}

function refuse(text: string, why: string): AppError {
  return new AppError('WICK_ETL_UNSUPPORTED', `${EXCHANGE} has no symbol "${text}": ${why}`, {
    details: { exchange: EXCHANGE, symbol: text },
  });
}
