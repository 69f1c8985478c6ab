/**
 * `wick up`: the embedded stack in the foreground, until drained (--once) or Ctrl-C. Exit code: 0 done
 * or stopped on request, 1 failed; a `--once` that was stopped before its end 128 + the signal.
 */
import { readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { AppError, errorText } from '#core/errors.ts';
import { createLogger } from '#platform/logger.ts';
import { stackEnvironment } from '../../local/stack/environment.ts';
import { diskFreeMib } from '../../local/stack/preflight.ts';
import { parseRecordingName } from '../../local/venues/recording-name.ts';
import { isVenueId } from '../../local/venues/venue-id.ts';
import { openPipelineClients } from '../pipeline/pipeline-clients.ts';
import { listenForInterrupts, type Interrupts } from '../stack/interrupts.ts';
import { showLive } from '../stack/live-view.ts';
import { runOnce } from '../stack/run-once.ts';
import { createScreen, type Screen } from '../stack/screen.ts';
import { createStartView } from '../stack/start-view.ts';
import { stackLayout, startStack, type RunningStack } from '../stack/start-stack.ts';
import { killServices } from '../stack/stop-stack.ts';
import { createStyle, type Style } from '../stack/style.ts';
import { EXIT_FAILED } from '../failure.ts';
import type { UpFlags } from './flags.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const SPEED_MAX = 100_000;
const NAMES_SHOWN = 5;
/** Below this an engine that failed most likely failed for it, MiB. */
const DISK_EXHAUSTED_MIB = 64;
const NO_SPACE = /No space left on device|ENOSPC|EDQUOT/;
const CLOSE_TIMEOUT_MS = 3_000;

/** What the parts of a run share. */
interface Run {
  readonly flags: UpFlags;
  readonly startedAt: number;
  readonly screen: Screen;
  readonly style: Style;
  readonly say: (line: string) => void;
  readonly interrupts: Interrupts;
  readonly logger: ReturnType<typeof createLogger>;
  /** Takes what `--once` prints at the end. */
  readonly report: (text: string) => void;
}

export async function up(flags: UpFlags): Promise<number> {
  const speed = checkFlags(flags);
  const data = flags.data === undefined ? undefined : await checkData(resolve(flags.data));
  const env = stackEnvironment();
  const layout = stackLayout(CHECKOUT, env);
  const startedAt = performance.now();
  const output = flags.json === true ? process.stderr : process.stdout;
  let stack: RunningStack | null = null;
  let summary = '';
  let code = 0;
  let unstopped: Error | null = null;
  const interrupts = listenForInterrupts({
    say: (line) => {
      // The last table stays, what was awaited does not.
      if (stack === null) view.close();
      else screen.keep();
      say(line);
    },
    kill: () => killServices(layout),
  });
  const screen = createScreen({ output, env, onGone: () => interrupts.interrupt('SIGHUP') });
  const style = createStyle(screen.live && (env['NO_COLOR'] ?? '') === '');
  const say = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
    screen.say(`${seconds} s  ${line}`);
  };
  const view = createStartView(screen, style, say);
  const logger = createLogger('wick', 'warn');
  try {
    stack = await startStack({
      checkout: CHECKOUT,
      env,
      once: flags.once === true,
      data,
      speed,
      live: flags.live === true,
      connector: flags.connector,
      say,
      progress: view.progress,
      onEvent: view.onEvent,
      logger,
      signal: interrupts.signal,
    });
    view.close();
    say('everything runs');
    const report = (text: string): void => void (summary = text);
    code = await watch(stack, { flags, startedAt, screen, style, say, interrupts, logger, report });
  } catch (error) {
    if (!interrupts.signal.aborted) throw await explain(error, layout.base);
    code = endedBy(interrupts, flags);
  } finally {
    view.close();
    unstopped = await stopOf(stack);
    screen.close();
    interrupts.close();
    // The last word, also where a service did not stop as it should.
    process.stdout.write(summary);
  }
  if (unstopped === null) return code;
  // With a result on stdout there is no room for an error beside it.
  if (summary === '') throw unstopped;
  process.stderr.write(`wick: ${unstopped.message}\n`);
  return EXIT_FAILED;
}

/** Stops it. @returns why that failed, or null. */
async function stopOf(stack: RunningStack | null): Promise<Error | null> {
  try {
    await stack?.stop();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(errorText(error));
  }
}

/** A pipeline that was asked to end is done; a proof that was cut short is not. */
function endedBy(interrupts: Interrupts, flags: UpFlags): number {
  if (flags.once !== true) return 0;
  return 128 + constants.signals[interrupts.by() ?? 'SIGINT'];
}

async function watch(stack: RunningStack, run: Run): Promise<number> {
  const { flags, screen, style, say, interrupts, startedAt, logger, report } = run;
  const over = new AbortController();
  const signal = AbortSignal.any([interrupts.signal, over.signal]);
  const readyAt = performance.now();
  const clients = await openPipelineClients(stack.config, logger);
  const shared = { stack, clients, screen, style, say, signal };
  try {
    const work =
      flags.once === true
        ? runOnce({ ...shared, startedAt, readyAt, json: flags.json === true, report })
        : showLive({ ...shared, recorded: flags.live !== true });
    const code = await Promise.race([work, stack.supervisor.failure, interrupts.interrupted]);
    if (signal.aborted) return endedBy(interrupts, flags);
    return code ?? 0;
  } finally {
    over.abort();
    // Its stores may be gone: closing has a bound of its own.
    const timer = new AbortController();
    await Promise.race([clients.close(), timeout(CLOSE_TIMEOUT_MS, timer.signal)]);
    timer.abort();
  }
}

async function timeout(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((end) => {
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}

/** What fails on a full disk says so in words of its own; ours say what to do. */
async function explain(error: unknown, folder: string): Promise<unknown> {
  const text = errorText(error);
  const free = await diskFreeMib(folder);
  if (free >= DISK_EXHAUSTED_MIB && !NO_SPACE.test(text)) return error;
  if (error instanceof AppError && error.code !== 'WICK_LOCAL_ENGINE_FAILED') return error;
  return new AppError(
    'WICK_LOCAL_DISK_FULL',
    `The disk of "${folder}" is full (${free} MiB free); free some and start again, or set WICKSTREAM_DATA_DIR to a folder on a larger disk. It came to light by: ${text}`,
    { cause: error },
  );
}

function checkFlags(flags: UpFlags): number {
  const speed = Number(flags.speed);
  if (flags.speed.trim() === '' || !(speed > 0 && speed <= SPEED_MAX)) {
    throw new AppError(
      'WICK_USAGE',
      `--speed is "${flags.speed}"; give a number above 0, at most ${SPEED_MAX}`,
    );
  }
  if (flags.json === true && flags.once !== true) {
    throw new AppError(
      'WICK_USAGE',
      '--json goes with --once: without it there is no end to report',
    );
  }
  if (flags.live === true && (flags.once === true || flags.data !== undefined)) {
    throw new AppError('WICK_USAGE', '--live uses the real venue; leave out --once and --data');
  }
  return speed;
}

/** Before any engine starts: is there at least one file that could be a recording? */
async function checkData(folder: string): Promise<string> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new AppError(
      'WICK_USAGE',
      `--data names "${folder}", which cannot be read as a folder: ${errorText(error)}; name a folder of candle CSVs`,
      { cause: error },
    );
  });
  const refused: string[] = [];
  for (const name of names) {
    const parsed = parseRecordingName(name);
    if (parsed.ok || isVenueId(name)) return folder;
    if (!name.startsWith('.') && !name.endsWith('.md')) refused.push(`${name}: ${parsed.reason}`);
  }
  const why = refused.slice(0, NAMES_SHOWN).join('; ');
  throw new AppError(
    'WICK_USAGE',
    `--data names "${folder}", which holds no candle CSV (SYMBOL-INTERVAL.csv or .csv.gz) and no folder of a venue${why === '' ? '' : `; ${why}`}`,
  );
}
