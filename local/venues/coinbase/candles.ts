/**
 * `GET /products/:id/candles` of Coinbase Exchange over recordings. In: what was asked. Out: rows
 * `[time s, low, high, open, close, volume]`, newest first, numbers digit for digit as recorded; no
 * row where nothing was traded. A range of more than 300 intervals is refused, not cut.
 *
 * Both ends of the range are inclusive, so that 301 rows are possible and a 302nd is refused, as was
 * measured. The words of refusals other than the one of 300 are not documented.
 */
import type { FaultLine } from '../faults.ts';
import { numberOf } from '../json-text.ts';
import type { Market, MarketRow } from '../market.ts';
import { arrangeRows, type Answer } from '../respond.ts';
import type { Interval } from '#core/interval.ts';

/** Seconds of each candle that the venue has. */
export const GRANULARITIES: ReadonlyMap<string, Interval> = new Map([
  ['60', '1m'],
  ['300', '5m'],
  ['900', '15m'],
  ['3600', '1h'],
  ['21600', '6h'],
  ['86400', '1d'],
]);
const GRANULARITY_DEFAULT = '60';
const AGGREGATIONS_MAX = 300;
/** Later than any recording; the venue takes any date. */
const SECONDS_MAX = 10_000_000_000;

export function answerCandles(
  market: Market,
  faults: FaultLine,
  product: string,
  query: Readonly<Record<string, unknown>>,
): Answer {
  if (!market.instruments().some(({ venueSymbol }) => venueSymbol === product)) {
    return refuse(404, 'NotFound');
  }
  const granularity = query['granularity'] ?? GRANULARITY_DEFAULT;
  const interval = typeof granularity === 'string' ? GRANULARITIES.get(granularity) : undefined;
  if (interval === undefined) return refuse(400, 'Unsupported granularity');
  const stepMs = Number(granularity) * 1000;
  const range = parseRange(query, market.now(), stepMs);
  if (typeof range === 'string') return refuse(400, range);
  const recording = market.find(product, interval);
  if (recording === undefined) return { status: 200, body: '[]' };
  const limit = AGGREGATIONS_MAX + 1;
  const rows = market.rows(recording, { ...range, limit, keep: 'newest' }).toReversed();
  const texts = arrangeRows(rows, faults).map((row) => renderRow(row));
  return { status: 200, body: `[${texts.join(',')}]` };
}

function renderRow(row: MarketRow): string {
  const cells = [row.low, row.high, row.open, row.close, row.volume].map((each) => numberOf(each));
  return `[${row.openTime / 1000},${cells.join(',')}]`;
}

/** The range in ms, or why it is refused. Where one end is missing both are ignored. */
function parseRange(
  { start, end }: Readonly<Record<string, unknown>>,
  now: number,
  stepMs: number,
): { readonly from: number; readonly to: number } | string {
  if (start === undefined || start === '' || end === undefined || end === '') {
    return { from: now - AGGREGATIONS_MAX * stepMs, to: now };
  }
  const from = parseTime(start);
  const to = parseTime(end);
  if (from === null) return 'Invalid start';
  if (to === null) return 'Invalid end';
  if (to < from) return 'start must be before end';
  if ((to - from) / stepMs > AGGREGATIONS_MAX) {
    return (
      'granularity too small for the requested time range. ' +
      `Count of aggregations requested exceeds ${AGGREGATIONS_MAX}`
    );
  }
  return { from, to };
}

/** ISO 8601 or seconds, as ms; null where it is neither. */
function parseTime(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  if (/^\d{1,11}(?:\.\d+)?$/.test(value)) {
    const seconds = Number(value);
    return seconds < SECONDS_MAX ? seconds * 1000 : null;
  }
  const time = Date.parse(value);
  return Number.isNaN(time) ? null : time;
}

function refuse(status: number, message: string): Answer {
  return { status, body: JSON.stringify({ message }) };
}
