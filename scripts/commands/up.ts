/** `wick up`: the embedded stack in the foreground, until drained (--once) or Ctrl-C. */
import { join, resolve } from 'node:path';
import { AppError } from '#core/errors.ts';
import { createLogger } from '#platform/logger.ts';
import { stackEnvironment } from '../../local/stack/environment.ts';
import type { SupervisorEvent } from '../../local/stack/supervisor.ts';
import { openPipelineClients } from '../pipeline/pipeline-clients.ts';
import { connectorKeeper } from '../stack/connector-keeper.ts';
import { showLive } from '../stack/live-view.ts';
import { runOnce } from '../stack/run-once.ts';
import { startStack, type RunningStack } from '../stack/start-stack.ts';
import type { UpFlags } from '../wick.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const SPEED_MAX = 100_000;

export async function up(flags: UpFlags): Promise<number> {
  const speed = checkFlags(flags);
  const json = flags.json === true;
  const startedAt = performance.now();
  const say = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
    (json ? process.stderr : process.stdout).write(`${seconds} s  ${line}\n`);
  };
  const logger = createLogger('wick', 'warn');
  const abort = new AbortController();
  const interrupt = (): void => {
    if (!abort.signal.aborted) say('stopping');
    abort.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);

  let stack: RunningStack | null = null;
  try {
    stack = await startStack({
      checkout: CHECKOUT,
      env: stackEnvironment(),
      once: flags.once === true,
      data: flags.data === undefined ? undefined : resolve(flags.data),
      speed,
      live: flags.live === true,
      connector: flags.connector,
      say,
      onEvent: (event) => say(describe(event)),
      logger,
      signal: abort.signal,
    });
    say('everything runs');
    const code = await watch(stack, flags, { startedAt, say, abort: abort.signal, logger });
    return code;
  } catch (error) {
    if (abort.signal.aborted) return 0;
    throw error;
  } finally {
    await stack?.stop();
  }
}

interface Watching {
  readonly startedAt: number;
  readonly say: (line: string) => void;
  readonly abort: AbortSignal;
  readonly logger: ReturnType<typeof createLogger>;
}

async function watch(stack: RunningStack, flags: UpFlags, watching: Watching): Promise<number> {
  const { startedAt, say, abort, logger } = watching;
  const readyAt = performance.now();
  const clients = await openPipelineClients(stack.config, logger);
  const keepConnector = connectorKeeper(stack.config, say);
  try {
    const work =
      flags.once === true
        ? runOnce({
            stack,
            clients,
            startedAt,
            readyAt,
            say,
            keepConnector,
            signal: abort,
            json: flags.json === true,
          })
        : showLive({
            stack,
            clients,
            say,
            keepConnector,
            signal: abort,
            recorded: flags.live !== true,
          });
    return await Promise.race([work, stack.supervisor.failure]);
  } finally {
    await clients.close();
  }
}

function checkFlags(flags: UpFlags): number {
  const speed = Number(flags.speed);
  if (!(speed > 0 && speed <= SPEED_MAX)) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `--speed is "${flags.speed}"; give a number above 0, at most ${SPEED_MAX}`,
    );
  }
  if (flags.json === true && flags.once !== true) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      '--json goes with --once: without it there is no end to report',
    );
  }
  if (flags.live === true && (flags.once === true || flags.data !== undefined)) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      '--live uses the real venue; leave out --once and --data',
    );
  }
  return speed;
}

function describe(event: SupervisorEvent): string {
  const { service } = event;
  if (event.kind === 'started') return `${service} is up (pid ${event.pid})`;
  if (event.kind === 'restarted') return `${service} is up again (pid ${event.pid})`;
  if (event.kind === 'stopped') return `${service} stopped`;
  return `${service} ended by itself (${event.how}); starting it again`;
}
