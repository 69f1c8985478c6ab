/**
 * Structured logs: one JSON object a line on stderr, so that stdout stays free for results.
 * Secrets are redacted by path; callers pass fields, never interpolated payloads.
 */
import { pino, destination, type Logger } from 'pino';
import { SECRET_VARIABLES } from './config.ts';

export type { Logger } from 'pino';

const SECRET_FIELDS = ['password', 'authorization', ...SECRET_VARIABLES];
/** At the top of a line and two levels down. */
const REDACTED = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

/** @param name the process, for example `analyzer`. @param level least severe level written. */
export function createLogger(name: string, level: string): Logger {
  return pino(
    { name, level, redact: { paths: REDACTED, censor: '***' } },
    destination({ dest: 2, sync: false }),
  );
}
