/** The configuration of a command that talks to running stores. */
import { AppError } from '#core/errors.ts';
import { loadConfig, SECRET_VARIABLES, type Config } from '#platform/config.ts';

/**
 * @throws AppError WICK_LOCAL_NOT_RUNNING when no store is configured at all, WICK_CONFIG_INVALID when
 * one is configured wrongly.
 */
export function commandConfig(): Config {
  try {
    return loadConfig();
  } catch (error) {
    const missing = error instanceof AppError ? error.details['missing'] : null;
    const nothing =
      Array.isArray(missing) && SECRET_VARIABLES.every((variable) => missing.includes(variable));
    if (!nothing) throw error;
    throw new AppError(
      'WICK_LOCAL_NOT_RUNNING',
      'Nothing is running here: start the embedded stack with "npm start", or set the variables of .env.example to reach another',
      { cause: error },
    );
  }
}
