/**
 * What a recording's file name says. In: `SYMBOL-INTERVAL.csv` or `.csv.gz`, or `SYMBOL-funding` for
 * funding rates; the last `-` splits the two. Out: base, quote and interval, or the reason why the
 * name cannot be mapped. It never guesses: a symbol with no known quote asset is refused, not stored
 * under half a name. Hyperliquid's perpetuals are all quoted in USDC, so there the symbol is the coin.
 */
import { INTERVALS, isInterval, type Interval } from '#core/interval.ts';
import { isVenueId, type VenueId } from './venue-id.ts';

/** What stands in the place of the interval where a file holds funding rates. */
export const FUNDING = 'funding';

export interface RecordingName {
  readonly base: string;
  readonly quote: string;
  readonly interval: Interval | typeof FUNDING;
  readonly compressed: boolean;
}

export type RecordingNameResult =
  | { readonly ok: true; readonly name: RecordingName }
  | { readonly ok: false; readonly reason: string };

/** Quote assets that may end a symbol written without a separator. */
const QUOTE_ASSETS = (
  'FDUSD USDT USDC BUSD TUSD USDP USDE DAI BTC ETH BNB USD EUR GBP JPY CHF AUD CAD NZD CNY CNH ' +
  'HKD SGD SEK NOK DKK PLN CZK HUF TRY ZAR MXN BRL INR KRW'
)
  .split(' ')
  .sort((a, b) => b.length - a.length);

/** A perpetual's coin, which a builder's one writes behind the name of its dex. */
const COIN = /^(?:[a-z0-9]{1,16}:)?[\p{L}\p{N}]{1,32}$/u;
const COIN_QUOTE = 'USDC';
const ASSET = /^[\p{L}\p{N}]{1,32}$/u;
const EXAMPLE = 'name it like BTC-USDT-1m.csv or BTCUSDT-1m.csv.gz';

/** Reads a file name; a symbol written all in lower case is taken as upper case. */
export function parseRecordingName(
  fileName: string,
  venue: VenueId = 'binance-futures',
): RecordingNameResult {
  const match = /^(?<stem>.+?)\.csv(?<gzip>\.gz)?$/.exec(fileName);
  const stem = match?.groups?.['stem'];
  if (stem === undefined) return refuse(`not a .csv or .csv.gz file; ${EXAMPLE}`);
  const cut = stem.lastIndexOf('-');
  if (cut <= 0) return refuse(`no "-" between symbol and interval; ${EXAMPLE}`);
  const interval = stem.slice(cut + 1);
  if (interval !== FUNDING && !isInterval(interval)) {
    return refuse(
      `"${interval}" is not an interval; known are ${INTERVALS.join(', ')} and ${FUNDING}`,
    );
  }
  const written = stem.slice(0, cut);
  const isCoin = venue === 'hyperliquid';
  const symbol = !isCoin && written === written.toLowerCase() ? written.toUpperCase() : written;
  const pair = isCoin ? coinOf(symbol) : splitSymbol(symbol);
  if (pair === null) {
    return refuse(`symbol "${symbol}" cannot be split into base and quote asset; ${EXAMPLE}`);
  }
  return {
    ok: true,
    name: { ...pair, interval, compressed: match?.groups?.['gzip'] !== undefined },
  };
}

/** The same of a path within the folder of recordings, whose folder says the venue. */
export function parseRecordingPath(file: string): RecordingNameResult {
  const [folder = '', name] = file.split('/');
  if (name === undefined) return parseRecordingName(folder);
  return isVenueId(folder) ? parseRecordingName(name, folder) : refuse('in a folder of no venue');
}

function splitSymbol(symbol: string): { base: string; quote: string } | null {
  const parts = symbol.split(/[-/_]/);
  if (parts.length > 2) return null;
  const [first = '', second] = parts;
  if (second !== undefined) return pairOf(first, second);
  const quote = QUOTE_ASSETS.find((asset) => first.endsWith(asset) && first !== asset);
  return quote === undefined ? null : pairOf(first.slice(0, -quote.length), quote);
}

function coinOf(symbol: string): { base: string; quote: string } | null {
  return COIN.test(symbol) ? { base: symbol, quote: COIN_QUOTE } : null;
}

function pairOf(base: string, quote: string): { base: string; quote: string } | null {
  return ASSET.test(base) && ASSET.test(quote) ? { base, quote } : null;
}

function refuse(reason: string): RecordingNameResult {
  return { ok: false, reason };
}
