/**
 * What one step of a partition changes in the latest values. In: changes as they come, and the newest
 * closed candles that came of them. Out: what to tell of each series once the rows are durable. It
 * knows nothing of Redis.
 */
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { HistoricCandle } from '../historic-candle.ts';
import type { NewestCandle } from '../series-state.ts';
import type { LatestCache, LatestValues } from './cache-latest.ts';

/** The newest closed candle of a series as it is at that moment. */
type ClosedOf = (key: string) => HistoricCandle | null | undefined;

export class LatestStep {
  readonly #latest: Pick<LatestCache, 'closed' | 'open'>;
  readonly #closedOf: ClosedOf;
  #values = new Map<string, LatestValues>();

  constructor(latest: Pick<LatestCache, 'closed' | 'open'>, closedOf: ClosedOf) {
    this.#latest = latest;
    this.#closedOf = closedOf;
  }

  /** Notes a running candle or a deleted one; closed ones are told by `newest`. */
  note(change: CandleChange): void {
    const { key, openTime, values } = change;
    if (values?.isClosed === true) return;
    const known = this.#values.get(key) ?? {};
    if (values !== null) {
      const closed = this.#closedOf(key);
      // Delivered again: it has closed since.
      if (closed && openTime <= closed.openTime) return;
      const { deletedAt: _, ...rest } = known;
      this.#values.set(key, { ...rest, open: this.#latest.open(change) });
      return;
    }
    if (openTime < (known.deletedAt ?? 0)) return;
    const { open, ...rest } = known;
    const keepsOpen = open !== undefined && open.openTime !== openTime;
    this.#values.set(key, { ...rest, ...(keepsOpen ? { open } : {}), deletedAt: openTime });
  }

  /** Notes the newest closed candle of a series; null when the last one was deleted. */
  newest(key: string, newest: NewestCandle | null): void {
    const closed = newest === null ? null : this.#latest.closed(newest);
    this.#values.set(key, { ...this.#values.get(key), closed });
  }

  /** Hands over what was noted and starts anew. */
  take(): ReadonlyMap<string, LatestValues> {
    const values = this.#values;
    this.#values = new Map();
    return values;
  }
}
