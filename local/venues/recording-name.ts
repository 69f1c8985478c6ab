/**
 * What a recording's file name says. In: `SYMBOL-INTERVAL.csv` or `.csv.gz`; the last `-` splits
 * symbol and interval. Out: base, quote and interval, or the reason why the name cannot be mapped.
 * It never guesses: a symbol with no known quote asset is refused, not stored under half a name.
 */
import { INTERVALS, isInterval, type Interval } from '#core/interval.ts';

export interface RecordingName {
  readonly base: string;
  readonly quote: string;
  readonly interval: Interval;
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

const ASSET = /^[\p{L}\p{N}]{1,32}$/u;
const EXAMPLE = 'name it like BTC-USDT-1m.csv or BTCUSDT-1m.csv.gz';

/** Reads a file name; a symbol written all in lower case is taken as upper case. */
export function parseRecordingName(fileName: string): RecordingNameResult {
  const match = /^(?<stem>.+?)\.csv(?<gzip>\.gz)?$/.exec(fileName);
  const stem = match?.groups?.['stem'];
  if (stem === undefined) return refuse(`not a .csv or .csv.gz file; ${EXAMPLE}`);
  const cut = stem.lastIndexOf('-');
  if (cut <= 0) return refuse(`no "-" between symbol and interval; ${EXAMPLE}`);
  const interval = stem.slice(cut + 1);
  if (!isInterval(interval)) {
    return refuse(`"${interval}" is not an interval; known are ${INTERVALS.join(', ')}`);
  }
  const written = stem.slice(0, cut);
  const symbol = written === written.toLowerCase() ? written.toUpperCase() : written;
  const pair = splitSymbol(symbol);
  if (pair === null) {
    return refuse(`symbol "${symbol}" cannot be split into base and quote asset; ${EXAMPLE}`);
  }
  return {
    ok: true,
    name: { ...pair, interval, compressed: match?.groups?.['gzip'] !== undefined },
  };
}

function splitSymbol(symbol: string): { base: string; quote: string } | null {
  const parts = symbol.split(/[-/_]/);
  if (parts.length > 2) return null;
  const [first = '', second] = parts;
  if (second !== undefined) return pairOf(first, second);
  const quote = QUOTE_ASSETS.find((asset) => first.endsWith(asset) && first !== asset);
  return quote === undefined ? null : pairOf(first.slice(0, -quote.length), quote);
}

function pairOf(base: string, quote: string): { base: string; quote: string } | null {
  return ASSET.test(base) && ASSET.test(quote) ? { base, quote } : null;
}

function refuse(reason: string): RecordingNameResult {
  return { ok: false, reason };
}
