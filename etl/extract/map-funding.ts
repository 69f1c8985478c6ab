/**
 * What the funding mappers of all venues share. In: parsed rows and how to read one of them. Out: funding
 * payments oldest first, each time once and inside the range that was asked for; every other row is a
 * reject with its reason.
 */
import type { Series } from '#core/candle.ts';
import type { FundingRate } from '#core/funding.ts';
import { toReject } from './map-rows.ts';
import type { FundingContext, MappedFunding } from './mapper.ts';
import { finding, type Finding, type Reject } from './reject.ts';

export type FundingResult = { readonly ok: true; readonly rate: FundingRate } | Finding;

/** @param series what rejects are filed under: the contract, with its usual period as interval. */
export function mapFundingRows(
  rows: readonly unknown[],
  series: Series,
  context: FundingContext,
  map: (row: unknown, context: FundingContext) => FundingResult,
): MappedFunding {
  const rates: FundingRate[] = [];
  const rejects: Reject[] = [];
  const seen = new Set<number>();
  for (const [index, row] of rows.entries()) {
    const result = map(row, context);
    const problem = result.ok ? placeOf(result.rate, context, seen) : result;
    if (problem !== null) {
      const openTime = result.ok ? result.rate.fundingTime : null;
      rejects.push(toReject(problem, { row, index, openTime, series }));
    } else if (result.ok) {
      seen.add(result.rate.fundingTime);
      rates.push(result.rate);
    }
  }
  rates.sort((a, b) => a.fundingTime - b.fundingTime);
  return { rates, rejects };
}

function placeOf(
  { fundingTime, markPrice }: FundingRate,
  { from, to }: FundingContext,
  seen: ReadonlySet<number>,
): Finding | null {
  if (fundingTime < from || fundingTime >= to) {
    return finding('not_asked_for', `funding time ${fundingTime} not in [${from}, ${to})`);
  }
  if (seen.has(fundingTime)) {
    return finding('duplicate', `funding time ${fundingTime} for a second time`);
  }
  if (markPrice !== null && (markPrice === '0' || markPrice.startsWith('-'))) {
    return finding('non_positive_price', `mark price ${markPrice}`);
  }
  return null;
}
