/**
 * All planned trouble of one venue in one place: what tests and `POST /faults` switch. In: faults of
 * requests and amendments of the market. Out: nothing but their effect.
 */
import type { Amendment } from './amendments.ts';
import type { FaultLine } from './faults.ts';

export interface VenueFaults extends FaultLine {
  /** Makes the venue tell something otherwise than recorded, until cleared. */
  amend(...amendments: readonly Amendment[]): void;
  /** How many amendments are in force. */
  amended(): number;
}
