/** What a part of a job failed with. In: its error. Out: a text; an end of the whole job is thrown on. */
import { errorText } from '#core/errors.ts';

export function abortedOr(signal: AbortSignal, error: unknown): string {
  signal.throwIfAborted();
  return errorText(error);
}
