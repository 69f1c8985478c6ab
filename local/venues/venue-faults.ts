/**
 * All planned trouble of one venue in one place: what tests and `POST /faults` switch. In: faults of
 * requests, amendments of the market, faults of streams. Out: nothing but their effect.
 */
import type { Amendment } from './amendments.ts';
import type { FaultLine } from './faults.ts';
import type { StreamFault } from './stream/stream-faults.ts';

export interface VenueFaults extends FaultLine {
  /** Makes the venue tell something otherwise than recorded, until cleared. */
  amend(...amendments: readonly Amendment[]): void;
  /** Strikes the streams. @returns how many open connections were struck at once. */
  strike(...faults: readonly StreamFault[]): number;
  /** What is lined up and in force. */
  state(): { readonly requests: number; readonly amendments: number; readonly streams: number };
  /** The venue is well again; connections that fell silent stay so. */
  clear(): void;
}
