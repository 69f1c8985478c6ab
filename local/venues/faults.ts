/**
 * Planned trouble of one venue's REST side. A test lines faults up; each of the next requests takes
 * one and behaves as a venue, a proxy or a network does on a bad day. With none lined up the venue is
 * well. What a fault tells wrongly of the market is in `amendments.ts`, what a stream does in
 * `stream/stream-faults.ts`.
 */
import { Type, type Static } from 'typebox';

/** Only requests whose path contains this take the fault; any request without it. */
const ON = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }));

/** Strikes whichever request comes next. */
const TRANSPORT_FAULTS = [
  /** Answer with this status and body, as the venue's own error or a gateway would. */
  Type.Object(
    {
      kind: Type.Literal('refuse'),
      status: Type.Integer({ minimum: 300, maximum: 599 }),
      body: Type.Optional(Type.String({ maxLength: 100_000 })),
      contentType: Type.Optional(Type.String({ maxLength: 200 })),
      retryAfterSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
      on: ON,
    },
    { additionalProperties: false },
  ),
  /**
   * html: a web page with status 200, as outage pages and captive portals send. truncate: the right
   * answer, cut off in the middle, with status 200. hang: no answer until the client gives up. cut:
   * the connection is cut instead of an answer.
   */
  Type.Object(
    {
      kind: Type.Union([
        Type.Literal('html'),
        Type.Literal('truncate'),
        Type.Literal('hang'),
        Type.Literal('cut'),
      ]),
      on: ON,
    },
    { additionalProperties: false },
  ),
] as const;

/** Strikes the next answer that holds rows: each row twice, or the rows in another order. */
const ROW_FAULT = Type.Object(
  { kind: Type.Union([Type.Literal('duplicate'), Type.Literal('reorder')]) },
  { additionalProperties: false },
);

export const FAULT = Type.Union([...TRANSPORT_FAULTS, ROW_FAULT]);

export type RowFault = Static<typeof ROW_FAULT>;
type Planned = Exclude<Static<typeof FAULT>, RowFault>;
/** A test may send bytes that are no text. */
export type TransportFault =
  | (Omit<Extract<Planned, { kind: 'refuse' }>, 'body'> & { readonly body?: string | Buffer })
  | Exclude<Planned, { kind: 'refuse' }>;
export type Fault = TransportFault | RowFault;

export interface FaultLine {
  /** Lines faults up, first one first. */
  plan(...faults: readonly Fault[]): void;
  /** Takes the next fault that a request for this path meets, if there is one. */
  take(path: string): TransportFault | undefined;
  /** Takes the next fault of rows, if there is one. */
  takeRowFault(): RowFault | undefined;
  /** How many are still waiting. */
  pending(): number;
  clear(): void;
}

export function createFaultLine(): FaultLine {
  let transport: TransportFault[] = [];
  let rows: RowFault[] = [];
  return {
    plan: (...faults) => {
      for (const fault of faults) {
        if (isRowFault(fault)) rows.push(fault);
        else transport.push(fault);
      }
    },
    take: (path) => {
      const at = transport.findIndex(({ on }) => on === undefined || path.includes(on));
      return at === -1 ? undefined : transport.splice(at, 1)[0];
    },
    takeRowFault: () => rows.shift(),
    pending: () => transport.length + rows.length,
    clear: () => {
      transport = [];
      rows = [];
    },
  };
}

function isRowFault(fault: Fault): fault is RowFault {
  return fault.kind === 'duplicate' || fault.kind === 'reorder';
}
