/**
 * The history of a series and the late changes of a batch as one walk through time. In: pages of
 * candles as they stood, changes in stream order. Out: at each open time what was there, and what the
 * changes make of it.
 */
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { EpochMs } from '#core/time.ts';
import { candleAfter, sameCandle, type HistoricCandle } from './historic-candle.ts';

/** Changes of one open time, in stream order. */
export interface Overlay {
  readonly openTime: EpochMs;
  readonly changes: LateChange[];
}

/** A change that waits for the history of its series. */
export interface LateChange {
  readonly change: CandleChange;
  /** It came while it was older than the anchor: streamed, it is stored without a look at what was. */
  readonly isOlder: boolean;
}

export function overlayOf(late: readonly LateChange[]): readonly Overlay[] {
  const byTime = new Map<EpochMs, Overlay>();
  for (const each of late) {
    const { openTime } = each.change;
    const known = byTime.get(openTime);
    if (known === undefined) byTime.set(openTime, { openTime, changes: [each] });
    else known.changes.push(each);
  }
  return [...byTime.values()].sort((a, b) => a.openTime - b.openTime);
}

/** A place in time: what was there, and what the changes make of it. */
export interface Step {
  readonly openTime: EpochMs;
  /** As it stood before the batch. */
  readonly known: HistoricCandle | null;
  readonly candle: HistoricCandle | null;
  /** Changes that made a difference. */
  readonly effective: readonly CandleChange[];
  /** No change follows, here or later. */
  readonly isSettled: boolean;
}

/** History and changes as one walk through time. */
export async function* walk(
  pages: AsyncIterable<readonly HistoricCandle[]>,
  overlay: readonly Overlay[],
  breathe: () => Promise<void>,
): AsyncGenerator<Step> {
  let next = 0;
  for await (const page of pages) {
    for (const known of page) {
      while (next < overlay.length && overlay[next]!.openTime < known.openTime) {
        yield stepOf(null, overlay[next]!);
        next += 1;
      }
      if (next < overlay.length && overlay[next]!.openTime === known.openTime) {
        yield stepOf(known, overlay[next]!);
        next += 1;
      } else {
        const isSettled = next === overlay.length;
        yield { openTime: known.openTime, known, candle: known, effective: [], isSettled };
      }
    }
    await breathe();
  }
  for (; next < overlay.length; next += 1) yield stepOf(null, overlay[next]!);
}

function stepOf(known: HistoricCandle | null, { openTime, changes }: Overlay): Step {
  let candle = known;
  const effective: CandleChange[] = [];
  for (const { change, isOlder } of changes) {
    const after = change.values === null ? null : candleAfter(change, change.values);
    const isSame = after === null ? candle === null : candle !== null && sameCandle(after, candle);
    if (isSame && !(isOlder && change.origin === 'stream')) continue;
    candle = after;
    effective.push(change);
  }
  return { openTime, known, candle, effective, isSettled: false };
}
