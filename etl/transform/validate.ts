/**
 * Accept or quarantine. In: mapped candles of any venue. Out: the ones that can be true, and for each
 * other one the reason. Pure, exact (decimals are compared as text) and on the hot path, so nothing
 * is allocated for a good candle. It repairs nothing: a wrong candle is worse than a late one.
 */
import type { Candle } from '#core/candle.ts';
import { compareDecimal, type DecimalString } from '#core/decimal.ts';
import { isOnGrid, nextOpen } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { finding, type Finding, type Reject } from '../extract/reject.ts';
import type { CandlePage } from '../extract/venue.ts';

export interface ValidatedPage {
  readonly accepted: readonly Candle[];
  /** The rows that could not be mapped, and those that make no sense. */
  readonly rejects: readonly Reject[];
}

/** Checks every candle of a page against the venue's clock. */
export function validatePage(page: CandlePage): ValidatedPage {
  const accepted: Candle[] = [];
  const rejects: Reject[] = [...page.rejects];
  for (const { candle, index, row } of page.candles) {
    const problem = validateCandle(candle, page.venueNow);
    if (problem === null) {
      accepted.push(candle);
    } else {
      const { reason, detail } = problem;
      const { series } = page;
      const rawRow = JSON.stringify(row);
      rejects.push({ series, openTime: candle.openTime, reason, detail, index, rawRow });
    }
  }
  return { accepted, rejects };
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
