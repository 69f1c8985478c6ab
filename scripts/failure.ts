/**
 * What a command says when it fails, and its exit code. One sentence for what was foreseen (a wrong
 * option, a store that does not answer, a part that this installation lacks); the whole trace for what
 * was not: that is a bug.
 */
import { AppError, errorText } from '#core/errors.ts';

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);
/** SQLSTATE class 28: Postgres refuses the login. */
const LOGIN_REFUSED = /^28/;

export function describeFailure(error: unknown): Failure {
  if (error instanceof AppError) {
    const usage = error.code === 'WICK_USAGE' || error.code === 'WICK_CONFIG_INVALID';
    return { text: error.message, exitCode: usage ? EXIT_USAGE : EXIT_FAILED };
  }
  const text = describeForeseen(error) ?? (error instanceof Error ? error.stack : undefined);
  return { text: text ?? errorText(error), exitCode: EXIT_FAILED };
}

function describeForeseen(error: unknown): string | null {
  if (isWithoutEmbeddedStack(error)) {
    return 'The embedded stack is not part of this image; use "docker compose up -d" and "docker compose down"';
  }
  for (const each of chainOf(error)) {
    const code = 'code' in each ? String(each.code) : '';
    if (NETWORK_CODES.has(code) || each.name.startsWith('KafkaJS')) {
      return `A store does not answer (${errorText(each)}); is the stack running? "npm run wick -- status" says which`;
    }
    if (LOGIN_REFUSED.test(code)) {
      return `Postgres refuses the login (${each.message}); check DB_USER and DB_PASSWORD`;
    }
  }
  return null;
}

/** The error, its causes, and the errors that it gathers. */
function chainOf(error: unknown): Error[] {
  if (!(error instanceof Error)) return [];
  const gathered = error instanceof AggregateError ? error.errors : [];
  return [error, ...gathered.flatMap(chainOf), ...chainOf(error.cause)];
}

/** A production image holds the commands but not `local/`. */
function isWithoutEmbeddedStack(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_MODULE_NOT_FOUND' &&
    /[\\/]local[\\/](?:stack|engines|venues)[\\/]/.test(error.message)
  );
}
