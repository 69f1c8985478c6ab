/**
 * The project's errors: a closed list of codes, each saying whether trying again can help.
 * Expected outcomes are returned as unions, not thrown; a broken invariant is a plain Error.
 */

/** `WICK_<STAGE>_<WHAT>`; a new code is added here and nowhere else. */
export const ERROR_CODES = [
  'WICK_CONFIG_INVALID',
  'WICK_USAGE',
  /** Another process is at the same work; later it can be had. */
  'WICK_BUSY',
  /** A bug: nobody foresaw it. */
  'WICK_INTERNAL',
  'WICK_LOCAL_ABSENT',
  'WICK_LOCAL_NODE_TOO_OLD',
  'WICK_LOCAL_JAVA_MISSING',
  'WICK_LOCAL_USER_UNKNOWN',
  'WICK_LOCAL_PORT_BUSY',
  'WICK_LOCAL_DISK_FULL',
  'WICK_LOCAL_FOLDER_UNUSABLE',
  'WICK_LOCAL_SECRETS_DAMAGED',
  'WICK_LOCAL_ENGINE_FAILED',
  'WICK_LOCAL_ALREADY_RUNNING',
  'WICK_LOCAL_NOT_RUNNING',
  'WICK_LOCAL_WRONG_CLUSTER',
  'WICK_LOCAL_INSTALL_FAILED',
  'WICK_LOCAL_RECORDING_INVALID',
  'WICK_ETL_VENUE_HTTP',
  'WICK_ETL_VENUE_RATE_LIMITED',
  'WICK_ETL_VENUE_PAYLOAD',
  'WICK_ETL_UNSUPPORTED',
  /** Too many failures in a row: the venue is left alone for a while. */
  'WICK_ETL_VENUE_DOWN',
  'WICK_ETL_STREAM_FAILED',
  /** A web source that may not be asked: robots, addresses, sizes. */
  'WICK_ETL_SOURCE_FORBIDDEN',
  'WICK_ETL_SOURCE_INVALID',
  /** A list of a venue's known halts that cannot be read. */
  'WICK_ETL_HALTS_INVALID',
  'WICK_ETL_LOAD_FAILED',
  'WICK_SCHEDULER_JOBS_INVALID',
  'WICK_CONNECTOR_REJECTED',
  'WICK_CONNECTOR_UNREACHABLE',
  'WICK_CDC_UNDECODABLE',
  /** The WAL of Postgres ends before what was captured: its rows would rank below. */
  'WICK_CDC_SOURCE_OLDER',
  /** It is another Postgres than the one that was captured from. */
  'WICK_CDC_SOURCE_CHANGED',
  'WICK_CDC_SNAPSHOT_FAILED',
  /** A dead letter of which parts are gone or other than they were. */
  'WICK_DLQ_DAMAGED',
  'WICK_REGISTRY_UNREACHABLE',
  /** The schema registry takes no such schema, or knows none. */
  'WICK_REGISTRY_REFUSED',
  'WICK_ANALYZER_STATE_INVALID',
  'WICK_ANALYZER_SINK_FAILED',
  /** Records wait and none is taken, for so long that only starting again helps. */
  'WICK_ANALYZER_STUCK',
  /** Features or signals could not be sent to their topics. */
  'WICK_ANALYZER_PUBLISH_FAILED',
  'WICK_STORE_UNREACHABLE',
  'WICK_STORE_REFUSED',
  'WICK_MIGRATION_FAILED',
  /** Two stores could not be compared, because changes do not arrive. */
  'WICK_PROOF_STALLED',
  /** Computed rows are not written over candles that are not proven. */
  'WICK_REPLAY_REFUSED',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What an AppError carries beside code and message. */
export interface AppErrorOptions {
  /** True where the same call may succeed later without anyone changing anything. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An operational error. The message says what, which "value", and what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** The text of anything thrown, with the texts of its causes. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message === '' ? error.name : error.message;
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [own, ...error.errors.map((inner) => errorText(inner))].join('; ');
  }
  if (error.cause === undefined) return own;
  const cause = errorText(error.cause);
  // Who wraps an error often repeats it.
  return own.includes(cause) ? own : `${own}: ${cause}`;
}
