/**
 * Being asked to end: Ctrl-C, SIGTERM, a closed terminal. The first time everything is stopped in
 * order; the second time, a moment later, what still runs is killed. (npm passes a Ctrl-C on that the
 * terminal has already delivered, so an echo within a second does not count.)
 */
import { errorText } from '#core/errors.ts';

export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Interrupts {
  /** Aborted by the first one. */
  readonly signal: AbortSignal;
  /** Resolves with the first one. */
  readonly interrupted: Promise<null>;
  /** The first one, or null. */
  by(): InterruptSignal | null;
  interrupt(signal: InterruptSignal): void;
  close(): void;
}

const ECHO_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function listenForInterrupts(options: {
  readonly say: (line: string) => void;
  readonly kill: () => Promise<void>;
}): Interrupts {
  const { say, kill } = options;
  const abort = new AbortController();
  const interrupted = Promise.withResolvers<null>();
  let first: { readonly signal: InterruptSignal; readonly at: number } | null = null;
  let killing = false;
  const interrupt = (signal: InterruptSignal): void => {
    if (first === null) {
      first = { signal, at: performance.now() };
      say('stopping everything in order; Ctrl-C again kills what is left');
      abort.abort();
      interrupted.resolve(null);
    } else if (!killing && performance.now() - first.at > ECHO_MS) {
      killing = true;
      say('killing what is left');
      kill().catch((error: unknown) => say(`could not kill: ${errorText(error)}`));
    }
  };
  const listeners = SIGNALS.map((signal) => [signal, () => interrupt(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    signal: abort.signal,
    interrupted: interrupted.promise,
    by: () => first?.signal ?? null,
    interrupt,
    close: () => {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    },
  };
}
