/**
 * What a bench reports. In: a measured figure, its baseline of the same run, its bar. Out: the same
 * with ratio and judgement. A figure is never compared with a number of another machine: a published
 * figure only tells whether the baseline itself can be believed.
 */
import type { Spread } from './statistics.ts';

/** Rates are better when high, the others when low. */
export type Unit = 'rows/s' | 'events/s' | 'candles/s' | 'ms' | 's' | 'MiB' | 'bytes';

export interface Baseline {
  /** What it is, in a few words. */
  readonly name: string;
  readonly spread: Spread;
  /** The published figure, in the same unit; null where there is none. */
  readonly published: number | null;
}

export type Bar =
  /** At least this share of the baseline. */
  | { readonly kind: 'share_min'; readonly share: number }
  /** At most this many times the baseline. */
  | { readonly kind: 'times_max'; readonly times: number }
  /** At most this much, whatever the machine. */
  | { readonly kind: 'value_max'; readonly value: number };

export interface Measured {
  readonly bench: string;
  readonly name: string;
  readonly unit: Unit;
  readonly spread: Spread;
  readonly baseline: Baseline | null;
  readonly bar: Bar | null;
}

export interface Figure extends Measured {
  /** Figure divided by baseline. */
  readonly ratio: number | null;
  /** Null where no bar is set. */
  readonly passed: boolean | null;
  /** The baseline is so much worse than published that the ratio flatters us. */
  readonly suspect: boolean;
}

/** A baseline further than this below the published figure is not trusted. */
export const SUSPECT_SHARE = 0.7;

export function judge(measured: Measured): Figure {
  const { spread, baseline, bar, unit } = measured;
  const ratio = baseline === null ? null : spread.median / baseline.spread.median;
  return {
    ...measured,
    ratio,
    passed: bar === null ? null : isWithin(bar, spread.median, ratio),
    suspect: baseline !== null && isSuspect(baseline, unit),
  };
}

/** A rate below 70 % of the published one; a time above 1/0.7 of it. */
function isSuspect({ spread, published }: Baseline, unit: Unit): boolean {
  if (published === null) return false;
  return unit.endsWith('/s')
    ? spread.median < published * SUSPECT_SHARE
    : spread.median > published / SUSPECT_SHARE;
}

function isWithin(bar: Bar, value: number, ratio: number | null): boolean {
  switch (bar.kind) {
    case 'share_min':
      return ratio !== null && ratio >= bar.share;
    case 'times_max':
      return ratio !== null && ratio <= bar.times;
    case 'value_max':
      return value <= bar.value;
  }
}

/** The bar in words. */
export function barText(bar: Bar | null, unit: Unit): string {
  if (bar === null) return 'none';
  switch (bar.kind) {
    case 'share_min':
      return `>= ${Math.round(bar.share * 100)} %`;
    case 'times_max':
      return `<= ${bar.times} x`;
    case 'value_max':
      return `<= ${bar.value} ${unit}`;
  }
}
