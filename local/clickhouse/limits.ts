/**
 * Every bound of the ClickHouse front, named, with its unit. In: nothing. Out: the defaults, which a caller
 * may override one by one. What happens when a bound is hit is said beside it; nothing here is enforced.
 */

export interface FrontLimits {
  /** Queries that run at once; also the number of result pipes. More wait in line. */
  readonly runningQueriesMax: number;
  /** Queries waiting for a place; more get code 202 at once. */
  readonly waitingQueriesMax: number;
  /** Request line and headers together; more get status 414. */
  readonly urlBytesMax: number;
  /** SQL text of one request (the data of an INSERT does not count); more get code 62. */
  readonly sqlBytesMax: number;
  /** A `multipart/form-data` body, held in memory; more get code 229. */
  readonly formBytesMax: number;
  /** Request body after decompression; more get code 229. */
  readonly bodyBytesMax: number;
  /** Insert data of one request kept on the memory file system; more of it moves to disk. */
  readonly memorySpoolBytesPerBody: number;
  /** Insert data of all requests on the memory file system; more goes to disk. */
  readonly memorySpoolBytesMax: number;
  /** Insert data and held results of all requests on disk; more get code 243. */
  readonly diskSpoolBytesMax: number;
  /** Result bytes held back before the headers go out, so that an early error still sets the status. */
  readonly heldResultBytes: number;
  /** `session_id` sessions kept; the idle one that was used longest ago makes room, else code 202. */
  readonly sessionsMax: number;
  /** Life of an idle session when `session_timeout` is absent, and the most that may be asked. */
  readonly sessionIdleMs: number;
  readonly sessionIdleMsMax: number;
  /** Open TCP connections; more are refused by closing them. */
  readonly connectionsMax: number;
  /** Receiving one request, from its first byte to its last. */
  readonly requestMs: number;
  /** A client that takes no byte of its result for so long has left. */
  readonly stalledReaderMs: number;
  readonly keepAliveMs: number;
  /** First open of the data directory, and waiting for another process to let go of it. */
  readonly engineStartMs: number;
  readonly dataLockWaitMs: number;
  /** On close: running queries may finish, then are killed, then the engine may close its tables. */
  readonly drainMs: number;
  readonly killWaitMs: number;
  readonly engineCloseMs: number;
  /** Pause before a KILL QUERY is sent again to a query that has not ended. */
  readonly killRepeatMs: number;
  /** Memory of the engine for all queries and caches together; more get code 241. */
  readonly engineMemoryBytes: number;
}

const MIB = 1024 * 1024;
const SECOND_MS = 1000;

export const DEFAULT_LIMITS: FrontLimits = {
  runningQueriesMax: 16,
  waitingQueriesMax: 256,
  urlBytesMax: MIB,
  sqlBytesMax: 16 * MIB,
  formBytesMax: 64 * MIB,
  bodyBytesMax: 8192 * MIB,
  memorySpoolBytesPerBody: 32 * MIB,
  memorySpoolBytesMax: 256 * MIB,
  diskSpoolBytesMax: 16_384 * MIB,
  heldResultBytes: MIB,
  sessionsMax: 256,
  sessionIdleMs: 60 * SECOND_MS,
  sessionIdleMsMax: 3600 * SECOND_MS,
  connectionsMax: 512,
  requestMs: 3600 * SECOND_MS,
  stalledReaderMs: 300 * SECOND_MS,
  keepAliveMs: 60 * SECOND_MS,
  engineStartMs: 120 * SECOND_MS,
  dataLockWaitMs: 30 * SECOND_MS,
  drainMs: 10 * SECOND_MS,
  killWaitMs: 5 * SECOND_MS,
  engineCloseMs: 20 * SECOND_MS,
  killRepeatMs: SECOND_MS,
  engineMemoryBytes: 1024 * MIB,
};
