/**
 * The ledger of closed candles in memory: what `readHistory` answers, from the changes that were
 * written. Keyed by series, open time and version, so writing a change again changes nothing.
 */
import type { Series } from '#core/candle.ts';
import { seriesKey } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { EpochMs } from '#core/time.ts';
import { candleAfter, type HistoricCandle, type Position } from '../../analyzer/series-state.ts';

export class MemoryLedger {
  readonly #changes = new Map<string, CandleChange>();

  write(change: CandleChange): void {
    this.#changes.set(`${change.key} ${change.openTime} ${change.version}`, change);
  }

  /** Candles before a place in the stream, oldest first. */
  asOf(series: Series, before: Position): HistoricCandle[] {
    const newest = new Map<EpochMs, CandleChange>();
    for (const change of this.#changes.values()) {
      if (change.key !== seriesKey(series) || !isBefore(change, before)) continue;
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
    return this.asOf(series, { version: 2n ** 128n, openTime: 0 });
  }
}

function isBefore({ version, openTime, values }: CandleChange, before: Position): boolean {
  if (version !== before.version || before.openTime === 0) return version < before.version;
  return values === null || openTime < before.openTime;
}
