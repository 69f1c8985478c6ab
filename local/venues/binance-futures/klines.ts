/**
 * `/fapi/v1/klines` out of a recording. In: a series, what was asked, the venue's now. Out: the JSON
 * text as Binance writes it: an ascending array of 12-element arrays with prices as strings.
 *
 * Two deviations from the real wire, both because nothing is invented here:
 * - what recordings do not hold (quote volume, trades, taker volumes, and an empty volume) is null;
 * - a candle that is still open shows its opening tick only: open = high = low = close = the recorded
 *   open, volume null. Its close time lies at or after now, as with the real venue.
 */
import { nextOpen } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { firstAtOrAfter, readCells, type Recording } from '../recording.ts';

export interface KlinesQuery {
  /** First and last open time asked for, both inclusive; undefined where not given. */
  readonly startTime: number | undefined;
  readonly endTime: number | undefined;
  readonly limit: number;
}

/** With a start the oldest candles from there on, otherwise the newest up to the end. */
export function renderKlines(recording: Recording, query: KlinesQuery, now: EpochMs): string {
  const last = Math.min(now, query.endTime ?? now);
  const visible = firstAtOrAfter(recording, last + 1);
  let from = query.startTime === undefined ? 0 : firstAtOrAfter(recording, query.startTime);
  let to = visible;
  if (query.startTime === undefined) from = Math.max(0, to - query.limit);
  else to = Math.min(to, from + query.limit);
  const rows = readCells(recording, from, to).map((cells, offset) => {
    const openTime = epochMs(recording.openTimes[from + offset] ?? Number.NaN);
    const end = nextOpen(recording.interval, openTime);
    return renderKline(cells, openTime, end - 1, end > now);
  });
  return `[${rows.join(',')}]`;
}

function renderKline(
  cells: readonly string[],
  openTime: number,
  closeTime: number,
  isOpen: boolean,
): string {
  const [, open = '', high = '', low = '', close = '', volume = ''] = cells;
  const o = quote(open);
  const prices = isOpen
    ? `${o},${o},${o},${o},null`
    : `${o},${quote(high)},${quote(low)},${quote(close)},${volume === '' ? 'null' : quote(volume)}`;
  return `[${openTime},${prices},${closeTime},null,null,null,null,"0"]`;
}

/** A recorded cell as a JSON string, verbatim. */
function quote(cell: string): string {
  return /^[\w.+-]*$/.test(cell) ? `"${cell}"` : JSON.stringify(cell);
}
