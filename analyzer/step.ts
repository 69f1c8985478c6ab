/** One step of a partition on its way out: rows, then letters, latest values, messages, the offset. Data only. */
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { LatestValues } from './sink/cache-latest.ts';
import type { Unsent } from './sink/publisher.ts';
import type { Letters } from './step-changes.ts';

/** A step that was applied to the state and not yet to the outside. */
export interface Step {
  /** The offset after its last message. */
  readonly offset: bigint;
  readonly hasRows: boolean;
  /** Much more of the partition waits in Kafka. */
  readonly isBehind: boolean;
  readonly letters: Letters;
  readonly values: ReadonlyMap<string, LatestValues>;
  readonly newest: CandleChange | null;
  readonly unsent: Unsent;
}
