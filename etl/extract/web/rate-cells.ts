/**
 * Cells of a rate sheet. In: what a row says, as text. Out: the exact rate of one unit, or the one
 * reason why there is none. Shared by all sources, so that a blank cell is refused in the same words
 * wherever it stands.
 */
import type { DecimalResult } from '#core/decimal.ts';
import type { EpochMs } from '#core/time.ts';
import { finding } from '../reject.ts';
import { divideExactly, readNominal, readNumeral, type NumeralStyle } from './numeral.ts';
import type { Listing, RateCell, RateSheet } from './source.ts';

export interface RateText {
  readonly day: EpochMs | null;
  /** Null where the row has no such cell. */
  readonly rate: string | null;
  /** How many units the rate is for; null where the row has no such cell. */
  readonly nominal: string | null;
  readonly style: NumeralStyle;
  readonly index: number;
  readonly row: Readonly<Record<string, string | null>>;
}

const SHOWN_CHARACTERS = 60;

export function toRateCell({ day, rate, nominal, style, index, row }: RateText): RateCell {
  return { day, rate: readRate(rate, nominal, style), index, row };
}

function readRate(
  rate: string | null,
  nominal: string | null,
  style: NumeralStyle,
): RateCell['rate'] {
  if (rate === null) return finding('malformed_row', 'the row has no rate');
  if (nominal === null) return finding('malformed_row', 'the row does not say for how many units');
  const units = readNominal(nominal);
  if (units === null) return finding('malformed_row', `for "${shorten(nominal)}" units`);
  const whole = readNumeral(rate, style);
  if (!whole.ok) return finding(whole.reason, `rate "${shorten(rate)}", ${describeStyle(style)}`);
  const one: DecimalResult = divideExactly(whole.value, units);
  if (one.ok) return one;
  return finding(one.reason, `rate "${shorten(rate)}" for ${units} units, divided exactly`);
}

function describeStyle({ decimal, thousands }: NumeralStyle): string {
  const groups = thousands === '' ? 'none' : `"${thousands}"`;
  return `where "${decimal}" marks decimals and ${groups} thousands`;
}

function shorten(text: string): string {
  return text.slice(0, SHOWN_CHARACTERS);
}

/** One day's rates by currency code. */
export interface DaySheet {
  readonly day: EpochMs;
  /** The currency that all others are priced in. */
  readonly quote: string;
  readonly rows: readonly { readonly code: string; readonly cell: RateCell }[];
}

const CODE = /^[A-Z]{3}$/;

/**
 * A sheet of one day. A row whose code is no currency code may be anyone's, so it is told, refused,
 * to whoever asks.
 */
export function daySheet({ day, quote, rows }: DaySheet): RateSheet {
  const byCode = new Map<string, RateCell[]>();
  const strays: RateCell[] = [];
  for (const { code, cell } of rows) {
    if (CODE.test(code)) {
      const cells = byCode.get(code) ?? [];
      byCode.set(code, [...cells, cell]);
    } else {
      const rate = finding('malformed_row', `"${shorten(code)}" is no currency code`);
      strays.push({ ...cell, rate });
    }
  }
  const listings = [...byCode.keys()].map((code): Listing => listingOf(code, quote));
  return {
    listings,
    oldest: day,
    cells: (venueSymbol) => [...(byCode.get(venueSymbol) ?? []), ...strays],
  };
}

function listingOf(code: string, quote: string): Listing {
  return {
    venueSymbol: code,
    base: code,
    quote,
    isTrading: true,
    firstDay: null,
    endDay: null,
  };
}
