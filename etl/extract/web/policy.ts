/**
 * The policy of a built-in source. In: the root that it is configured to be asked at. Out: that host
 * and no other, and plain http only where the root itself is.
 */
import { AppError } from '#core/errors.ts';
import type { FetchPolicy } from './source.ts';

/**
 * @param root for example `https://www.cbr.ru`.
 * @throws AppError WICK_ETL_SOURCE_INVALID where it is no URL.
 */
export function policyFor(source: string, root: string, minimumIntervalMs: number): FetchPolicy {
  if (!URL.canParse(root)) {
    throw new AppError(
      'WICK_ETL_SOURCE_INVALID',
      `the root "${root}" of ${source} is no URL; write for example "https://example.org"`,
      { details: { source } },
    );
  }
  const { host, protocol } = new URL(root);
  return { source, allowedHosts: [host], allowHttp: protocol === 'http:', minimumIntervalMs };
}

/** How long a sheet of one day may be used again: a past day's does not change, today's may yet come. */
export function goodMsOf(day: number, now: number): number {
  return day < now - SETTLED_MS ? PAST_GOOD_MS : TODAY_GOOD_MS;
}

const SETTLED_MS = 3 * 86_400_000;
const PAST_GOOD_MS = 6 * 60 * 60_000;
const TODAY_GOOD_MS = 10 * 60_000;
