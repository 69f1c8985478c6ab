/**
 * Planned trouble of one venue's streams. In: faults. Out: what becomes of the next frames and
 * connections. What strikes open connections at once is the stream server's to do.
 */
import { Type, type Static } from 'typebox';

const STRICT = { additionalProperties: false };
/** How many frames, or connections, a fault strikes. */
const COUNT = Type.Integer({ minimum: 1, maximum: 100_000 });

/**
 * silence: the connections that are open stay so and tell and answer nothing any more. cut: they are
 * cut off without a word. Connections opened later are well.
 */
const STRIKE = Type.Object(
  { kind: Type.Union([Type.Literal('silence'), Type.Literal('cut')]) },
  STRICT,
);
/** The next frames of market data are lost, arrive twice, or break off in the middle. */
const FRAMES = Type.Object(
  {
    kind: Type.Union([Type.Literal('drop'), Type.Literal('duplicate'), Type.Literal('truncate')]),
    frames: COUNT,
  },
  STRICT,
);
/** The next connections are refused with this status. */
const REFUSAL = Type.Object(
  {
    kind: Type.Literal('refuse'),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    connections: COUNT,
  },
  STRICT,
);

export const STREAM_FAULT = Type.Union([STRIKE, FRAMES, REFUSAL]);
export type StreamStrike = Static<typeof STRIKE>;
export type PlannedStreamFault = Static<typeof FRAMES> | Static<typeof REFUSAL>;
export type StreamFault = StreamStrike | PlannedStreamFault;

/** True for what strikes the open connections at once. */
export function isStrike(fault: StreamFault): fault is StreamStrike {
  return fault.kind === 'silence' || fault.kind === 'cut';
}

export interface StreamFaultLine {
  plan(fault: PlannedStreamFault): void;
  /** What the client gets of this frame: nothing, the frame, two of it, or half of it. */
  strike(frame: string): readonly string[];
  /** The status that refuses this connection; null where it is welcome. */
  refuse(): number | null;
  /** Frames and connections that are still to be struck. */
  pending(): number;
  clear(): void;
}

export function createStreamFaultLine(): StreamFaultLine {
  const frames = { drop: 0, duplicate: 0, truncate: 0 };
  let refusals: number[] = [];
  return {
    plan: (fault) => {
      if (fault.kind === 'refuse') {
        refusals.push(...Array.from({ length: fault.connections }, () => fault.status));
      } else {
        frames[fault.kind] += fault.frames;
      }
    },
    strike: (frame) => {
      if (frames.drop > 0) {
        frames.drop -= 1;
        return [];
      }
      if (frames.duplicate > 0) {
        frames.duplicate -= 1;
        return [frame, frame];
      }
      if (frames.truncate > 0) {
        frames.truncate -= 1;
        return [frame.slice(0, Math.floor(frame.length / 2))];
      }
      return [frame];
    },
    refuse: () => refusals.shift() ?? null,
    pending: () => frames.drop + frames.duplicate + frames.truncate + refusals.length,
    clear: () => {
      Object.assign(frames, { drop: 0, duplicate: 0, truncate: 0 });
      refusals = [];
    },
  };
}
