/**
 * The ledger of closed candles in memory: what `readHistory` answers, from the changes that were
 * written. Keyed by series, open time and version, so writing a change again changes nothing.
 */
import type { Series } from '#core/candle.ts';
import { seriesKey } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { EpochMs } from '#core/time.ts';
import { isApplied, START, type Position } from '../../analyzer/position.ts';
import { candleAfter, type HistoricCandle } from '../../analyzer/series-state.ts';

export class MemoryLedger {
  readonly #changes = new Map<string, CandleChange>();

  write(change: CandleChange): void {
    this.#changes.set(`${change.key} ${change.openTime} ${change.version}`, change);
  }

  /** Candles as they stood at a position, oldest first. */
  asOf(series: Series, at: Position): HistoricCandle[] {
    const newest = new Map<EpochMs, CandleChange>();
    for (const change of this.#changes.values()) {
      if (change.key !== seriesKey(series) || !isApplied(at, change)) continue;
      const known = newest.get(change.openTime);
      if (known === undefined || known.version < change.version) {
        newest.set(change.openTime, change);
      }
    }
    return [...newest.values()]
      .flatMap((change) => (change.values === null ? [] : [candleAfter(change, change.values)]))
      .sort((a, b) => a.openTime - b.openTime);
  }

  /** Candles after everything. */
  current(series: Series): HistoricCandle[] {
    return this.asOf(series, { ...START, version: 2n ** 128n });
  }
}
