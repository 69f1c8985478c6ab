/**
 * Planned trouble. A test lines faults up; each of the next data requests takes one and behaves as a
 * venue, a proxy or a network does on a bad day. With none lined up the venue is well.
 */
export type Fault =
  /** Answer with this status and body, as the venue's own error or a gateway would. */
  | {
      readonly kind: 'refuse';
      readonly status: number;
      readonly body?: string | Buffer;
      readonly contentType?: string;
      readonly retryAfterSeconds?: number;
    }
  /** A web page with status 200, as outage pages and captive portals send. */
  | { readonly kind: 'html' }
  /** The right answer, cut off in the middle, with status 200. */
  | { readonly kind: 'truncate' }
  /** No answer at all until the client gives up. */
  | { readonly kind: 'hang' }
  /** The connection is cut instead of an answer. */
  | { readonly kind: 'cut' };

export interface FaultLine {
  /** Lines faults up, first one first. */
  plan(...faults: readonly Fault[]): void;
  /** Takes the next fault, if there is one. */
  take(): Fault | undefined;
  /** How many are still waiting. */
  pending(): number;
}

export function createFaultLine(): FaultLine {
  const line: Fault[] = [];
  return {
    plan: (...faults) => {
      line.push(...faults);
    },
    take: () => line.shift(),
    pending: () => line.length,
  };
}
