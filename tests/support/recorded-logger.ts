/** A logger for tests that keeps what it is told. In: nothing. Out: the logger and its lines. */
import { pino, type Logger } from 'pino';

export interface RecordedLogger {
  readonly logger: Logger;
  /** Every line as an object, oldest first. */
  readonly lines: unknown[];
}

/** @param level least severe level kept. */
export function recordLogger(level = 'trace'): RecordedLogger {
  const lines: unknown[] = [];
  const logger = pino(
    { level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
    {
      write: (line: string) => {
        const entry: unknown = JSON.parse(line);
        lines.push(entry);
      },
    },
  );
  return { logger, lines };
}
