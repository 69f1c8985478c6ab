/**
 * Hyperliquid's spelling of symbols: a perpetual is named by its coin alone and settled in USDC, so
 * `BTC` is `BTC/USDC`, `kPEPE` (a thousand PEPE) is `kPEPE/USDC`, and `xyz:TSLA`, of a builder's dex, is
 * `xyz:TSLA/USDC`. In: any spelling. Out: canonical and venue spelling, or why there is none.
 */
import { AppError } from '#core/errors.ts';
import type { VenueSymbol } from '../mapper.ts';

export const EXCHANGE = 'hyperliquid';
export const QUOTE = 'USDC';

const COIN = /^(?:[a-z0-9]{1,12}:)?[A-Za-z0-9_.]{1,40}$/;
/** Coins by the thousand, which a spelling in one case does not show. */
const THOUSANDS = ['kBONK', 'kDOGS', 'kFLOKI', 'kLUNC', 'kNEIRO', 'kPEPE', 'kSHIB'];

/** @throws AppError WICK_ETL_UNSUPPORTED that says why the text means no symbol. */
export function parseHyperliquidSymbol(text: string): VenueSymbol {
  const [named = '', quote, ...rest] = text.split(/[/-]/);
  const why = whyNot(text);
  if (why !== null) throw refuse(text, why);
  if (quote !== undefined && (quote.toUpperCase() !== QUOTE || rest.length > 0)) {
    throw refuse(
      text,
      `its perpetuals are quoted in ${QUOTE} alone; write for example BTC/${QUOTE}`,
    );
  }
  const coin = spell(named);
  if (!COIN.test(coin)) throw refuse(text, `that names no coin; write for example BTC/${QUOTE}`);
  return symbolOf(coin);
}

/** Why a spelling is none of ours; null where nothing speaks against it. */
export function whyNot(text: string): string | null {
  return text.startsWith('@')
    ? 'that is a spot pair by its number; only perpetuals are kept'
    : null;
}

/** The builder's dex that a coin belongs to, in the venue's spelling; null for the venue's own. */
export function dexOf(text: string): string | null {
  const at = text.indexOf(':');
  return at <= 0 ? null : text.slice(0, at).toLowerCase();
}

/** A coin that is written in small letters is meant in capitals; a dex is always in small ones. */
function spell(text: string): string {
  const dex = dexOf(text);
  const name = dex === null ? text : text.slice(dex.length + 1);
  const thousand = THOUSANDS.find((each) => each.toLowerCase() === name.toLowerCase());
  const coin = thousand ?? (name === name.toLowerCase() ? name.toUpperCase() : name);
  return dex === null ? coin : `${dex}:${coin}`;
}

function symbolOf(coin: string): VenueSymbol {
  return { symbol: `${coin}/${QUOTE}`, base: coin, quote: QUOTE, venueSymbol: coin };
}

function refuse(text: string, why: string): AppError {
  return new AppError('WICK_ETL_UNSUPPORTED', `${EXCHANGE} has no symbol "${text}": ${why}`, {
    details: { exchange: EXCHANGE, symbol: text },
  });
}
