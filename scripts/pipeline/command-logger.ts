/** What happens while a command works, in words on stderr. In: the least severe level. Out: a logger. */
import type { Config } from '#platform/config.ts';
import { createPlainLogger, type Logger } from '#platform/logger.ts';

export function createCommandLogger({ LOG_LEVEL }: Pick<Config, 'LOG_LEVEL'>): Logger {
  return createPlainLogger(LOG_LEVEL, (line) => process.stderr.write(`wick: ${line}\n`));
}
