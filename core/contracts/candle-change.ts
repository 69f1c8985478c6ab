/**
 * A change of one candle as it leaves change data capture: what happened, where it stands in the WAL
 * and in the topic. The seam between `connectors` and `analyzer`.
 */
import type { CandleValues, Series } from '../candle.ts';
import type { EpochMs } from '../time.ts';

/** Where the change came from. */
export type ChangeOrigin = 'stream' | 'initial_snapshot' | 'incremental_snapshot';

/** One change of one candle, in the order of its series. */
export interface CandleChange {
  readonly series: Series;
  /** `seriesKey(series)`. */
  readonly key: string;
  readonly openTime: EpochMs;
  /** Null when the candle was deleted. */
  readonly values: CandleValues | null;
  readonly revision: number;
  readonly observedAt: EpochMs;
  readonly source: string;
  readonly ingestRunId: string | null;
  readonly rawId: string | null;
  /** Debezium's op: c, u, d or r. */
  readonly op: 'c' | 'u' | 'd' | 'r';
  readonly origin: ChangeOrigin;
  /**
   * Place in the stream, `previousCommitLsn · 2^64 + recordLsn`. Rises in stream order, is the same
   * on redelivery. All rows of an initial snapshot share `snapshotLsn · 2^64`, all rows of a chunk of
   * an incremental snapshot share one; among those the open time orders a series. The first
   * transaction after an initial snapshot knows no commit before it: `recordLsn · 2^64 + recordLsn`.
   */
  readonly version: bigint;
  /** Null on incremental snapshot rows. */
  readonly lsn: string | null;
  readonly txId: number | null;
  /** Commit time in Postgres. */
  readonly committedAt: EpochMs;
  readonly partition: number;
  readonly offset: string;
}
