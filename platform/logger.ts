/**
 * Structured logs: one JSON object a line on stderr, so that stdout stays free for results. Commands,
 * which a person looks at, write the same in words.
 * Secrets are redacted by path; callers pass fields, never interpolated payloads.
 */
import { pino, destination, type Logger } from 'pino';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { SECRET_VARIABLES } from './config.ts';

export type { Logger } from 'pino';

const SECRET_FIELDS = ['password', 'authorization', ...SECRET_VARIABLES];
/** At the top of a line and two levels down. */
const REDACTED = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

const OPTIONS = { redact: { paths: REDACTED, censor: '***' } };

/** @param name the process, for example `analyzer`. @param level least severe level written. */
export function createLogger(name: string, level: string): Logger {
  return pino({ name, level, ...OPTIONS }, destination({ dest: 2, sync: false }));
}

const Line = Type.Object(
  {
    level: Type.Unknown(),
    msg: Type.Optional(Type.String()),
    err: Type.Optional(Type.Unknown()),
    reason: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: true },
);

/**
 * The same for people: `the venue is asked again (attempt 1, ms 365): it did not answer`.
 * @param write takes one line without its end.
 */
export function createPlainLogger(level: string, write: (line: string) => void): Logger {
  const settings = { level, base: null, timestamp: false, ...OPTIONS };
  return pino(settings, { write: (json: string) => write(inWords(json)) });
}

function inWords(json: string): string {
  const { level: _, msg = '', err, reason, ...rest } = Value.Parse(Line, JSON.parse(json));
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${textOf(value)}`);
  const aside = fields.length === 0 ? '' : ` (${fields.join(', ')})`;
  const why = err ?? reason;
  return `${msg}${aside}${why === undefined ? '' : `: ${textOf(why)}`}`;
}

/** An error is told by its message: its trace is for logs. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const hasMessage = typeof value === 'object' && value !== null && 'message' in value;
  return hasMessage && typeof value.message === 'string' ? value.message : JSON.stringify(value);
}
