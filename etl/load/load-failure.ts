/** What Postgres refused, as the ETL's own error. In: the driver's error, what was tried. Out: an AppError. */
import type { Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { DatabaseError } from '#platform/postgres.ts';

/** Lost or overloaded connections, by class of SQLSTATE. */
const PASSING_CLASSES: readonly string[] = ['08', '40', '53', '57'];

/** @param what for example `take a batch`. @returns WICK_ETL_LOAD_FAILED, retryable where it may pass. */
export function loadFailure(
  error: unknown,
  what: string,
  { exchange, symbol, interval }: Pick<Series, 'exchange' | 'symbol' | 'interval'>,
): AppError {
  const code = error instanceof DatabaseError ? (error.code ?? '') : null;
  // Without an answer from the server there is no code: the connection was lost.
  const retryable = code === null || PASSING_CLASSES.includes(code.slice(0, 2));
  return new AppError(
    'WICK_ETL_LOAD_FAILED',
    `Postgres did not ${what} of ${exchange} ${symbol} ${interval}: ${errorText(error)}`,
    { retryable, cause: error },
  );
}
