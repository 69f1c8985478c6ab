/**
 * Start and end of a process: one abort signal for SIGTERM and SIGINT, resources closed in reverse
 * order of opening, an exit code that says how it went, and nothing left hanging. A second SIGINT
 * ends it at once, closed or not.
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

export interface ProcessOptions {
  /** A close that takes longer than this is given up, so that an end always comes. */
  readonly closeTimeoutMs?: number;
}

const CLOSE_TIMEOUT_MS = 15_000;
/** 128 + SIGINT, as shells say it. */
const EXIT_INTERRUPTED = 130;

/**
 * Runs `main`, waits for its end or a signal, closes everything and exits: 0 when all went well, 1
 * when `main` or a close failed, 130 when interrupted twice. Once a signal has asked for the end,
 * what `main` throws is only the end of its work; after `stop` it still counts.
 */
export async function runProcess(
  logger: Logger,
  main: (lifecycle: Lifecycle) => Promise<void>,
  options: ProcessOptions = {},
): Promise<never> {
  const abort = new AbortController();
  const closers: { name: string; close: () => Promise<unknown> }[] = [];
  let signalled = false;
  let interrupts = 0;
  const stop = (): void => abort.abort();
  const onSignal = (): void => {
    signalled = true;
    stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', () => {
    interrupts += 1;
    if (interrupts > 1) process.exit(EXIT_INTERRUPTED);
    onSignal();
  });
  let code = 0;
  try {
    await main({
      signal: abort.signal,
      onClose: (name, close) => void closers.push({ name, close }),
      stop,
    });
  } catch (error) {
    if (!signalled) {
      code = 1;
      logger.fatal({ err: error }, errorText(error));
    }
  }
  for (const { name, close } of closers.reverse()) {
    try {
      await within(options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS, close());
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
