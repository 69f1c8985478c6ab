/**
 * A change of one candle as it leaves change data capture: what happened, and where it stands in the
 * WAL and in the topic. The seam between `connectors` and `analyzer`.
 */
import type { CandleValues } from '../candle.ts';
import type { EpochMs } from '../time.ts';
import type { ChangePlace } from './change-place.ts';

/** One change of one candle, in the order of its series. */
export interface CandleChange extends ChangePlace {
  readonly openTime: EpochMs;
  /** Null when the candle was deleted. */
  readonly values: CandleValues | null;
  readonly revision: number;
  readonly observedAt: EpochMs;
  readonly source: string;
  readonly ingestRunId: string | null;
  readonly rawId: string | null;
}
