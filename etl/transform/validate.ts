/**
 * Accept or quarantine. In: mapped candles of any venue. Out: the ones that can be true, and for each
 * other one the reason. Pure, exact (decimals are compared as text) and on the hot path, so nothing
 * is allocated for a good candle. It repairs nothing: a wrong candle is worse than a late one. Rules
 * look at one candle, but for jumps, which are judged by the candles around it (see jump.ts).
 */
import type { Candle } from '#core/candle.ts';
import { compareDecimal, type DecimalString } from '#core/decimal.ts';
import { isOnGrid, nextOpen } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { finding, type Finding, type Reject } from '../extract/reject.ts';
import type { CandlePage } from '../extract/venue.ts';
import { isFarFrom, JUMP_FACTOR, type PriceRange } from './jump.ts';

export interface ValidatedPage {
  readonly accepted: readonly Candle[];
  /** The rows that could not be mapped, and those that make no sense. */
  readonly rejects: readonly Reject[];
}

/** What lies around a page, and what is let through. */
export interface PageContext {
  /** The last good closed candle before the page; null where there is none. */
  readonly before?: PriceRange | null | undefined;
  /** The first good candle behind it; null where nothing is known of what follows. */
  readonly after?: Candle | null | undefined;
  /** Somebody has looked at the jumps and means them to be stored. */
  readonly acceptsJumps?: boolean | undefined;
}

/** Checks every candle of a page against the venue's clock and its neighbours. */
export function validatePage(page: CandlePage, context: PageContext = {}): ValidatedPage {
  const accepted: Candle[] = [];
  const rejects: Reject[] = [...page.rejects];
  let before = context.before ?? null;
  // By place: an iterator of entries would make an array for each candle.
  for (let place = 0; place < page.candles.length; place += 1) {
    const extracted = page.candles[place];
    if (extracted === undefined) break;
    const { candle } = extracted;
    const problem =
      validateCandle(candle, page.venueNow) ??
      (context.acceptsJumps === true ? null : validateJump(candle, before, page, place, context));
    if (problem === null) {
      accepted.push(candle);
      if (candle.isClosed) before = candle;
    } else {
      const { reason, detail } = problem;
      const { series } = page;
      const { index } = extracted;
      const rawRow = JSON.stringify(extracted.row);
      rejects.push({ series, openTime: candle.openTime, reason, detail, index, rawRow });
    }
  }
  return { accepted, rejects };
}

/**
 * True where the last closed candle of a page lies far from what is before it, so that only what
 * follows can tell a spike from a new level.
 */
export function endsInDoubt(page: CandlePage, context: PageContext = {}): boolean {
  let last: Candle | undefined;
  for (let at = page.candles.length - 1; at >= 0; at -= 1) {
    const candle = page.candles[at]?.candle;
    if (candle?.isClosed !== true || validateCandle(candle, page.venueNow) !== null) continue;
    if (last !== undefined) return isFarFrom(last, candle);
    last = candle;
  }
  const before = context.before ?? null;
  return last !== undefined && before !== null && isFarFrom(last, before);
}

function validateJump(
  candle: Candle,
  before: PriceRange | null,
  page: CandlePage,
  place: number,
  { after }: PageContext,
): Finding | null {
  if (before === null || !candle.isClosed || !isFarFrom(candle, before)) return null;
  const next = firstGood(page, place + 1) ?? after ?? null;
  if (next !== null && !isFarFrom(candle, next)) return null;
  const { low, high } = candle;
  const verdict = next === null ? 'and nothing confirms it yet' : 'and the next is not there';
  return finding(
    'jump',
    `${low} to ${high} is ${JUMP_FACTOR} times away from ${before.low} to ${before.high}, ${verdict}`,
  );
}

/** The first candle from place `from` on that could be stored by itself. */
export function firstGood({ candles, venueNow }: CandlePage, from = 0): Candle | undefined {
  for (let at = from; at < candles.length; at += 1) {
    const candle = candles[at]?.candle;
    if (candle !== undefined && validateCandle(candle, venueNow) === null) return candle;
  }
  return undefined;
}

/** The first rule that the candle breaks; null for a good one. `now` is the venue's clock. */
export function validateCandle(candle: Candle, now: EpochMs): Finding | null {
  return validateTime(candle, now) ?? validatePrices(candle) ?? validateVolumes(candle);
}

function validateTime({ openTime, interval, isClosed }: Candle, now: EpochMs): Finding | null {
  if (!isEpochMs(openTime)) return finding('time_out_of_range', `open time ${String(openTime)}`);
  if (!isOnGrid(interval, openTime)) {
    return finding('off_grid', `open time ${openTime} is not on the ${interval} grid`);
  }
  if (openTime > now) return finding('future', `open time ${openTime} after the venue's ${now}`);
  if (isClosed && nextOpen(interval, openTime) > now) {
    return finding('future', `said to be closed before it is over, at the venue's ${now}`);
  }
  return null;
}

function validatePrices({ open, high, low, close }: Candle): Finding | null {
  // The low is the least of them once the order holds, so its sign speaks for all.
  if (!isPositive(low)) return finding('non_positive_price', `low ${low}`);
  if (compareDecimal(low, open) > 0) return finding('ohlc_order', `low ${low} > open ${open}`);
  if (compareDecimal(low, close) > 0) return finding('ohlc_order', `low ${low} > close ${close}`);
  if (compareDecimal(open, high) > 0) return finding('ohlc_order', `open ${open} > high ${high}`);
  if (compareDecimal(close, high) > 0)
    return finding('ohlc_order', `close ${close} > high ${high}`);
  return null;
}

function validateVolumes(candle: Candle): Finding | null {
  const { volume, quoteVolume, takerBuyBase, takerBuyQuote, trades } = candle;
  if (isNegative(volume)) return finding('negative_volume', `volume ${volume}`);
  if (isNegative(quoteVolume)) return finding('negative_volume', `quote volume ${quoteVolume}`);
  if (isNegative(takerBuyBase)) return finding('negative_volume', `taker volume ${takerBuyBase}`);
  if (isNegative(takerBuyQuote)) {
    return finding('negative_volume', `taker quote volume ${takerBuyQuote}`);
  }
  if (trades !== null && trades < 0) return finding('negative_volume', `trades ${trades}`);
  return null;
}

/** A canonical decimal says its sign in its first character; zero is "0". */
function isPositive(value: DecimalString): boolean {
  return value !== '0' && !value.startsWith('-');
}

function isNegative(value: DecimalString | null): value is DecimalString {
  return value?.startsWith('-') === true;
}
