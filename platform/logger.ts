/**
 * Structured logs: one JSON object a line on stderr, so that stdout stays free for results.
 * Secrets are redacted by path; callers pass fields, never interpolated payloads.
 */
import { pino, destination, type Logger } from 'pino';

export type { Logger } from 'pino';

const REDACTED = ['password', '*.password', '*.*.password', 'authorization', '*.authorization'];

/** @param name the process, for example `analyzer`. @param level least severe level written. */
export function createLogger(name: string, level: string): Logger {
  return pino(
    { name, level, redact: { paths: REDACTED, censor: '***' } },
    destination({ dest: 2, sync: false }),
  );
}
