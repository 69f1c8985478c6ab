/**
 * What the HTTP process and the engine process say to each other over Node's IPC channel. In: an unknown message.
 * Out: a typed one. Rows and insert data never travel here: they go through pipes and files, so messages are small.
 */
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

const Run = Type.Object({
  kind: Type.Literal('run'),
  id: Type.Integer(),
  /** A kept session, or null for one that lives for this query only. */
  session: Type.Union([Type.String(), Type.Null()]),
  /** Statements before the query (USE, SET, …); the first failure ends the run. */
  setup: Type.Array(Type.String()),
  sql: Type.String(),
  /** Format of what is returned in `output`; rows in a pipe have their own. */
  format: Type.String(),
  /** Statements after the query, whatever its outcome, before the session is used again. */
  cleanup: Type.Array(Type.String()),
});
const Kill = Type.Object({ kind: Type.Literal('kill'), tagPrefix: Type.String() });
const CloseSession = Type.Object({ kind: Type.Literal('close-session'), session: Type.String() });
const Shutdown = Type.Object({ kind: Type.Literal('shutdown') });
const ToEngine = Type.Union([Run, Kill, CloseSession, Shutdown]);
export type RunMessage = Static<typeof Run>;
export type ToEngine = Static<typeof ToEngine>;

const Ready = Type.Object({
  kind: Type.Literal('ready'),
  version: Type.String(),
  timezone: Type.String(),
  host: Type.String(),
});
const Fatal = Type.Object({
  kind: Type.Literal('fatal'),
  reason: Type.Union([Type.Literal('locked'), Type.Literal('failed')]),
  message: Type.String(),
});
const Warning = Type.Object({ kind: Type.Literal('warning'), message: Type.String() });
const Done = Type.Object({
  kind: Type.Literal('done'),
  id: Type.Integer(),
  /** Rows and bytes of the result, or of the data inserted. */
  rows: Type.Number(),
  bytes: Type.Number(),
  seconds: Type.Number(),
  /** Result bytes as latin1 text; empty where rows went to a pipe. */
  output: Type.String(),
});
const Failed = Type.Object({
  kind: Type.Literal('failed'),
  id: Type.Integer(),
  message: Type.String(),
});
const FromEngine = Type.Union([Ready, Fatal, Warning, Done, Failed]);
export type ReadyMessage = Static<typeof Ready>;
export type RunOutcome = Static<typeof Done> | Static<typeof Failed>;
export type FromEngine = Static<typeof FromEngine>;

const toEngine = Compile(ToEngine);
const fromEngine = Compile(FromEngine);

export function parseToEngine(message: unknown): ToEngine {
  return toEngine.Parse(message);
}

export function parseFromEngine(message: unknown): FromEngine {
  return fromEngine.Parse(message);
}
