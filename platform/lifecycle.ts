/**
 * Start and end of a process: one abort signal for SIGTERM and SIGINT, resources closed in reverse
 * order of opening, an exit code that says how it went, and nothing left hanging.
 */
import { errorText } from '#core/errors.ts';
import type { Logger } from './logger.ts';

export interface Lifecycle {
  /** Aborted when the process should end. */
  readonly signal: AbortSignal;
  /** Registers a close; the last registered is closed first. */
  onClose(name: string, close: () => Promise<unknown>): void;
  /** Asks the process to end. */
  stop(): void;
}

/** A close that takes longer than this is given up, so that an end always comes. */
const CLOSE_TIMEOUT_MS = 15_000;

/** Runs `main`, waits for its end or a signal, closes everything and exits. */
export async function runProcess(
  logger: Logger,
  main: (lifecycle: Lifecycle) => Promise<void>,
): Promise<never> {
  const abort = new AbortController();
  const closers: { name: string; close: () => Promise<unknown> }[] = [];
  const stop = (): void => abort.abort();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  let code = 0;
  try {
    await main({
      signal: abort.signal,
      onClose: (name, close) => void closers.push({ name, close }),
      stop,
    });
  } catch (error) {
    if (!abort.signal.aborted) {
      code = 1;
      logger.fatal({ err: error }, errorText(error));
    }
  }
  for (const { name, close } of closers.reverse()) {
    try {
      await within(CLOSE_TIMEOUT_MS, close());
    } catch (error) {
      code = 1;
      logger.error({ resource: name, err: errorText(error) }, 'did not close cleanly');
    }
  }
  process.exit(code);
}

/** Resolves when the signal is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`took longer than ${timeoutMs} ms`)), timeoutMs);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
