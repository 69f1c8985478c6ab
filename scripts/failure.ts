/**
 * What a command says when it fails, and its exit code. One sentence for what was foreseen (a wrong
 * option, a store that does not answer, a part that this installation lacks); the whole trace for what
 * was not: that is a bug. With --json programs get the code and the sentence as an object.
 */
import { CommanderError } from 'commander';
import { AppError, errorText, type ErrorCode } from '#core/errors.ts';

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

export interface Failure {
  readonly code: ErrorCode;
  /** What went wrong and what to do, in one sentence where it was foreseen. */
  readonly message: string;
  /** For people; null where they were told already. */
  readonly text: string | null;
  readonly exitCode: number;
}

/** Who called has to call otherwise: also for an exchange, symbol or interval that there is not. */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'WICK_USAGE',
  'WICK_CONFIG_INVALID',
  'WICK_ETL_UNSUPPORTED',
]);
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
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '');
    return { code: 'WICK_USAGE', message, text: null, exitCode: EXIT_USAGE };
  }
  if (error instanceof AppError) {
    const { code, message } = error;
    const exitCode = USAGE_CODES.has(code) ? EXIT_USAGE : EXIT_FAILED;
    return { code, message, text: message, exitCode };
  }
  const foreseen = describeForeseen(error);
  if (foreseen !== null) return { ...foreseen, text: foreseen.message, exitCode: EXIT_FAILED };
  const message = errorText(error);
  const trace = error instanceof Error ? (error.stack ?? message) : message;
  return { code: 'WICK_INTERNAL', message, text: trace, exitCode: EXIT_FAILED };
}

/** The one object that a command with --json prints when it cannot print its result. */
export function failureJson({ code, message }: Pick<Failure, 'code' | 'message'>): string {
  return `${JSON.stringify({ error: { code, message } })}\n`;
}

function describeForeseen(error: unknown): Pick<Failure, 'code' | 'message'> | null {
  if (isWithoutEmbeddedStack(error)) {
    return {
      code: 'WICK_LOCAL_ABSENT',
      message:
        'The embedded stack is not part of this image; use "docker compose up -d" and "docker compose down"',
    };
  }
  for (const each of chainOf(error)) {
    const code = 'code' in each ? String(each.code) : '';
    if (NETWORK_CODES.has(code) || each.name.startsWith('KafkaJS')) {
      const message = `A store does not answer (${errorText(each)}); is the stack running? "npm run wick -- status" says which`;
      return { code: 'WICK_STORE_UNREACHABLE', message };
    }
    if (LOGIN_REFUSED.test(code)) {
      const message = `Postgres refuses the login (${each.message}); check DB_USER and DB_PASSWORD`;
      return { code: 'WICK_STORE_REFUSED', message };
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
