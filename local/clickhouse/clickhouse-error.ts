/**
 * Errors as a ClickHouse server words them. In: an error code with its text, or what the engine threw.
 * Out: code, HTTP status and body text that clients parse (`Code: N. DB::Exception: … (NAME) (version …)`).
 * Knows nothing of requests; faults of our own process are not ClickHouse errors and do not pass here.
 */

/** The codes that the front itself raises; every other code comes from the engine. */
export const CODES = {
  SYNTAX_ERROR: 62,
  UNKNOWN_TYPE_OF_QUERY: 78,
  UNKNOWN_COMPRESSION_METHOD: 89,
  UNKNOWN_SETTING: 115,
  READONLY: 164,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: 216,
  QUERY_IS_TOO_LARGE: 229,
  ABORTED: 236,
  NOT_ENOUGH_SPACE: 243,
  INTO_OUTFILE_NOT_ALLOWED: 358,
  SESSION_NOT_FOUND: 372,
  SESSION_IS_LOCKED: 373,
  INVALID_SESSION_TIMEOUT: 374,
  CANNOT_DECOMPRESS: 271,
  BAD_REQUEST_PARAMETER: 408,
  NOT_IMPLEMENTED: 48,
  UNKNOWN_QUERY_PARAMETER: 456,
  UNKNOWN_ROLE: 511,
  AUTHENTICATION_FAILED: 516,
} as const;
export type CodeName = keyof typeof CODES;

/** `STD_EXCEPTION`: what a server answers when the cause is no ClickHouse exception. */
const STD_EXCEPTION = 1001;

export class ClickHouseError extends Error {
  readonly code: number;

  /** `text` is the full wording, `Code: …` included, without the version. */
  constructor(code: number, text: string) {
    super(text);
    this.name = 'ClickHouseError';
    this.code = code;
  }
}

export function clickHouseError(name: CodeName, text: string): ClickHouseError {
  const code = CODES[name];
  return new ClickHouseError(code, `Code: ${code}. DB::Exception: ${text} (${name})`);
}

/** What `intoOutfile` adds to a statement; a syntax error quotes the statement to its end. */
const OWN_CLAUSE = /\nINTO OUTFILE '[^'\n]*' APPEND(?: FORMAT \w+(?=\.|$))?/g;

/**
 * The engine's message as a server would send it. An INSERT from a file comes back wrapped twice and names
 * the spool file; both are artefacts of this front.
 */
export function fromEngineMessage(message: string): ClickHouseError {
  const text = message
    .replaceAll(/: \(in file\/uri [^)]*\)/g, '')
    .replaceAll(/: While reading from: \S+(?=:)/g, '')
    .replace(/: While executing File: data for INSERT was parsed from file\./, '.')
    .replace(/^(?:Code: \d+\. DB::Exception: )+(?=Code: \d+\. DB::Exception: )/, '')
    .replaceAll(OWN_CLAUSE, '')
    .replace(/ \(version [^()]*\)\.?(?: \([A-Z_0-9]+\))?\s*$/, '')
    .trimEnd();
  const code = /^Code: (\d+)\./.exec(text)?.[1];
  if (code !== undefined) return new ClickHouseError(Number(code), text);
  return new ClickHouseError(
    STD_EXCEPTION,
    `Code: ${STD_EXCEPTION}. DB::Exception: ${text} (STD_EXCEPTION)`,
  );
}

const BAD_REQUEST = [
  6, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441,
  675, 676,
];
const NOT_FOUND = [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511];
const STATUS_BY_CODE = new Map<number, number>([
  ...BAD_REQUEST.map((code) => [code, 400] as const),
  ...NOT_FOUND.map((code) => [code, 404] as const),
  [194, 401],
  [192, 403],
  [193, 403],
  [497, 403],
  [516, 403],
  [229, 413],
  [48, 501],
  [209, 503],
  [439, 503],
  [381, 411],
  [159, 408],
]);

/** @see ClickHouse `src/Server/HTTP/exceptionCodeToHTTPStatus.cpp`; everything not listed is 500. */
export function httpStatus(code: number): number {
  return STATUS_BY_CODE.get(code) ?? 500;
}
