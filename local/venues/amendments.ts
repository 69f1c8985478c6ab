/**
 * What a venue tells otherwise than it was recorded: corrected, late and missing candles, an
 * instrument taken off, a clock that is wrong. They stay until cleared. In: amendments, by the venue's
 * own spelling of a symbol. Out: what the market view and the routes ask of them.
 */
import { Type, type Static } from 'typebox';
import type { Recording } from './recording.ts';

const SYMBOL = Type.String({ minLength: 1, maxLength: 64 });
const INTERVAL = Type.String({ minLength: 2, maxLength: 4 });
const TIME = Type.Integer({ description: 'Epoch ms' });
const CELL = Type.Optional(Type.String({ maxLength: 64 }));
/** At most a year either way. */
const SKEW_MS_MAX = 366 * 24 * 60 * 60 * 1000;
const SKEW = Type.Integer({ minimum: -SKEW_MS_MAX, maximum: SKEW_MS_MAX });
const STRICT = { additionalProperties: false };

export const AMENDMENT = Type.Union([
  /** A stored correction: this candle now has these values. */
  Type.Object(
    {
      kind: Type.Literal('revise'),
      symbol: SYMBOL,
      interval: INTERVAL,
      openTime: TIME,
      values: Type.Object({ open: CELL, high: CELL, low: CELL, close: CELL, volume: CELL }, STRICT),
    },
    STRICT,
  ),
  /** The candle is not there until it is told. */
  Type.Object(
    { kind: Type.Literal('late'), symbol: SYMBOL, interval: INTERVAL, openTime: TIME },
    STRICT,
  ),
  /** All late candles of the symbol are there from now on. */
  Type.Object({ kind: Type.Literal('tell'), symbol: SYMBOL }, STRICT),
  /** Maintenance: no candle of the symbol opens in `[from, to)`. */
  Type.Object({ kind: Type.Literal('hole'), symbol: SYMBOL, from: TIME, to: TIME }, STRICT),
  /** Taken off at this moment: no candle opens from then on, and its status says so. */
  Type.Object({ kind: Type.Literal('delist'), symbol: SYMBOL, at: TIME }, STRICT),
  /** The venue's clock tells a time that is off by so much; its candles are not. */
  Type.Object({ kind: Type.Literal('skew'), ms: SKEW }, STRICT),
]);
export type Amendment = Static<typeof AMENDMENT>;

export type Revision = Extract<Amendment, { kind: 'revise' }>['values'];

export interface Amendments {
  amend(...amendments: readonly Amendment[]): void;
  /** True where nothing of this series is amended. */
  isPlain(recording: Recording): boolean;
  /** True for a candle that is not told. */
  hides(recording: Recording, openTime: number): boolean;
  /** Corrected cells; undefined where the candle stands as recorded. */
  revisionOf(recording: Recording, openTime: number): Revision | undefined;
  /** When the symbol is taken off; undefined where it stays. */
  delistedAt(venueSymbol: string): number | undefined;
  skewMs(): number;
  /** How many are in force. */
  count(): number;
  clear(): void;
}

/** Most amendments of one venue in force at a time. */
const AMENDMENTS_MAX = 100_000;

export function createAmendments(): Amendments {
  const revisions = new Map<string, Revision>();
  /** Of each symbol, the late candles. */
  const late = new Map<string, Set<string>>();
  const holes = new Map<string, { readonly from: number; readonly to: number }[]>();
  const delistings = new Map<string, number>();
  const touched = new Set<string>();
  let skew = 0;

  const count = (): number =>
    revisions.size +
    [...late.values()].reduce((sum, each) => sum + each.size, 0) +
    [...holes.values()].reduce((sum, each) => sum + each.length, 0) +
    delistings.size +
    (skew === 0 ? 0 : 1);
  const add = (amendment: Amendment): void => {
    if (amendment.kind === 'skew') {
      skew = amendment.ms;
      return;
    }
    const { symbol } = amendment;
    if (count() >= AMENDMENTS_MAX) {
      throw new RangeError(`more than ${AMENDMENTS_MAX} amendments; clear some first`);
    }
    touched.add(symbol);
    if (amendment.kind === 'revise') {
      revisions.set(candleKey(symbol, amendment.interval, amendment.openTime), amendment.values);
    } else if (amendment.kind === 'late') {
      const hidden = late.get(symbol) ?? new Set();
      hidden.add(candleKey(symbol, amendment.interval, amendment.openTime));
      late.set(symbol, hidden);
    } else if (amendment.kind === 'tell') {
      late.delete(symbol);
    } else if (amendment.kind === 'hole') {
      holes.set(symbol, [...(holes.get(symbol) ?? []), amendment]);
    } else {
      delistings.set(symbol, amendment.at);
    }
  };

  return {
    amend: (...amendments) => {
      for (const each of amendments) add(each);
    },
    isPlain: ({ venueSymbol }) => !touched.has(venueSymbol),
    hides: ({ venueSymbol, interval }, openTime) =>
      openTime >= (delistings.get(venueSymbol) ?? Infinity) ||
      (late.get(venueSymbol)?.has(candleKey(venueSymbol, interval, openTime)) ?? false) ||
      (holes.get(venueSymbol) ?? []).some(({ from, to }) => openTime >= from && openTime < to),
    revisionOf: ({ venueSymbol, interval }, openTime) =>
      revisions.get(candleKey(venueSymbol, interval, openTime)),
    delistedAt: (venueSymbol) => delistings.get(venueSymbol),
    skewMs: () => skew,
    count,
    clear: () => {
      for (const each of [revisions, late, holes, delistings, touched]) each.clear();
      skew = 0;
    },
  };
}

function candleKey(symbol: string, interval: string, openTime: number): string {
  return `${symbol}|${interval}|${openTime}`;
}
