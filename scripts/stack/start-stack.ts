/**
 * Brings the embedded stack up: preflight, leftovers of a crashed run, engines, schema, connector,
 * our own processes. Start is recovery: it makes no difference how the last run ended. Composition
 * only; each step lives in `local/` or in the stage that it belongs to.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { applyConnector, connectorStatus, readConnectorFile } from '../../connectors/index.ts';
import { installEngines, type Engines } from '../../local/engines/install.ts';
import { createLayout, resolveLayout, type StackLayout } from '../../local/stack/layout.ts';
import { stopLeftover } from '../../local/stack/managed-process.ts';
import { identify, readPidFile, removePidFile, writePidFile } from '../../local/stack/pid-file.ts';
import { assertFree } from '../../local/stack/ports.ts';
import { assertDisk, assertJava } from '../../local/stack/preflight.ts';
import { readSecrets } from '../../local/stack/secrets.ts';
import { stackEnv, writeEnvFile } from '../../local/stack/stack-env.ts';
import {
  PORT_VARIABLES,
  readPorts,
  STACK_PORTS,
  type StackPorts,
} from '../../local/stack/stack-ports.ts';
import { SERVICES, STOP_SIGNALS, stackServices } from '../../local/stack/stack.ts';
import { Supervisor, type SupervisorEvent } from '../../local/stack/supervisor.ts';
import { readReplay } from './replay.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import { bootstrapPipeline } from '../pipeline/bootstrap.ts';

export interface StartOptions {
  readonly checkout: string;
  /** The process environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Serve everything recorded at once, and nothing more. */
  readonly once: boolean;
  readonly data: string | undefined;
  readonly speed: number;
  /** Use the real venue. */
  readonly live: boolean;
  readonly connector: boolean;
  readonly say: (line: string) => void;
  readonly onEvent: (event: SupervisorEvent) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface RunningStack {
  readonly layout: StackLayout;
  readonly ports: StackPorts;
  readonly config: Config;
  readonly supervisor: Supervisor;
  stop(): Promise<void>;
}

const LEFTOVER_TIMEOUT_MS = 30_000;
const CONNECTOR_TIMEOUT_MS = 60_000;
const CONNECTOR_POLL_MS = 200;
/** The recorded venue has no one to protect; the adapter still keeps to what it is told. */
const VENUE_WEIGHT_LIMIT = 1_000_000;

export function stackLayout(
  checkout: string,
  env: Readonly<Record<string, string | undefined>>,
): StackLayout {
  return resolveLayout({
    checkout,
    dataDir: env['WICKSTREAM_DATA_DIR'],
    cacheDir: env['WICKSTREAM_CACHE_DIR'],
  });
}

export function supervisorPidFile(layout: StackLayout): string {
  return join(layout.run, 'supervisor.pid');
}

export async function startStack(options: StartOptions): Promise<RunningStack> {
  // Postgres may run as another user and must be able to enter what we make.
  process.umask(0o022);
  const layout = stackLayout(options.checkout, options.env);
  const ports = readPorts(options.env);
  await createLayout(layout);
  await takeLock(layout);
  try {
    return await startLocked(options, layout, ports);
  } catch (error) {
    await removePidFile(supervisorPidFile(layout));
    throw error;
  }
}

/** Two supervisors on one data folder would stop each other's processes. */
async function takeLock(layout: StackLayout): Promise<void> {
  const file = supervisorPidFile(layout);
  const other = await readPidFile(file);
  if (other !== null && other.pid !== process.pid) {
    throw new AppError(
      'WICK_LOCAL_ALREADY_RUNNING',
      `The stack of this checkout is already running (pid ${other.pid}); look with "npm run wick -- status", stop it with "npm run wick -- down"`,
    );
  }
  const self = await identify(process.pid);
  if (self !== null) await writePidFile(file, self);
}

async function startLocked(
  options: StartOptions,
  layout: StackLayout,
  ports: StackPorts,
): Promise<RunningStack> {
  const engines = await prepare(options, layout, ports);
  const secrets = await readSecrets(layout.secretsFile);
  // Filled in further before the scheduler starts; services read it when they start.
  const env = stackEnv(ports, secrets);
  if (options.live) delete env['BINANCE_FUTURES_URL'];
  await writeEnvFile(layout.envFile, env);
  const config = loadConfig({ env, envFile: layout.envFile });
  const services = stackServices({
    layout,
    ports,
    secrets,
    engines,
    env,
    venueArgs: venueArgs(options, layout),
    logLevel: config.LOG_LEVEL,
  });
  const supervisor = new Supervisor({ onEvent: options.onEvent });
  const stop = async (): Promise<void> => {
    await supervisor.stop();
    await removePidFile(supervisorPidFile(layout));
  };
  try {
    const connect = supervisor.start(services.kafka).then(() => supervisor.start(services.connect));
    const stores = all([
      supervisor.start(services.postgres),
      supervisor.start(services.redis),
      supervisor.start(services.clickhouse),
      options.live ? Promise.resolve() : supervisor.start(services.venue),
    ]);
    await all([connect, stores]);
    options.signal.throwIfAborted();
    options.say('making schema, topics and tables');
    await bootstrapPipeline(config, options.logger);
    await all([
      supervisor.start(services.analyzer),
      options.connector ? activate(options, config) : Promise.resolve(),
    ]);
    options.signal.throwIfAborted();
    if (!options.live) Object.assign(env, await collectSettings(options, ports));
    await writeEnvFile(layout.envFile, env);
    await supervisor.start(services.scheduler);
    return {
      layout,
      ports,
      config: loadConfig({ env, envFile: layout.envFile }),
      supervisor,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function prepare(
  options: StartOptions,
  layout: StackLayout,
  ports: StackPorts,
): Promise<Engines> {
  await assertJava(options.env);
  await assertDisk(layout.base);
  for (const name of [...SERVICES].reverse()) {
    const file = join(layout.run, `${name}.pid`);
    if (await stopLeftover(file, STOP_SIGNALS[name], LEFTOVER_TIMEOUT_MS)) {
      options.say(`stopped ${name}, left over from an earlier run`);
    }
  }
  for (const name of STACK_PORTS) {
    await assertFree(name, ports[name], PORT_VARIABLES[name].variable);
  }
  return installEngines({ cacheDir: layout.engineCache, onProgress: options.say });
}

function venueArgs(options: StartOptions, layout: StackLayout): string[] {
  return [
    '--clock-file',
    join(layout.base, 'venue-clock.json'),
    '--weight-limit',
    String(VENUE_WEIGHT_LIMIT),
    '--speed',
    String(options.speed),
    ...(options.once ? ['--once'] : []),
    ...(options.data === undefined ? [] : ['--data', options.data]),
  ];
}

/** The recorded venue decides what there is to collect, how far back and how often. */
async function collectSettings(
  options: StartOptions,
  ports: StackPorts,
): Promise<Record<string, string>> {
  const replay = await readReplay(ports.venue);
  for (const { file, reason } of replay.rejected) options.say(`not served: ${file}: ${reason}`);
  const earliest = Math.min(...replay.series.map(({ from }) => from));
  const days = Math.ceil((replay.now - earliest) / 86_400_000) + 1;
  return {
    COLLECT_SERIES: replay.series
      .map((s) => `${s.exchange}|${s.marketType}|${s.symbol}|${s.interval}`)
      .join(','),
    COLLECT_HISTORY_DAYS: String(Math.max(1, days)),
    COLLECT_CRON: '* * * * * *',
  };
}

async function activate(options: StartOptions, config: Config): Promise<void> {
  const endpoint = { url: config.CONNECT_URL };
  const file = await readConnectorFile(join(options.checkout, 'pg-connector.json'));
  const deadline = performance.now() + CONNECTOR_TIMEOUT_MS;
  const done = await applyConnector(endpoint, file);
  for (;;) {
    const { connector, tasks, failure } = await connectorStatus(endpoint, CONNECTOR_NAME);
    if (connector === 'RUNNING' && tasks.length > 0 && tasks.every((task) => task === 'RUNNING')) {
      options.say(`connector ${done}, running`);
      return;
    }
    if (performance.now() > deadline) {
      throw new AppError(
        'WICK_CONNECTOR_REJECTED',
        `The connector did not start within ${CONNECTOR_TIMEOUT_MS / 1000} s (${connector}, ${tasks.join(', ')}): ${failure ?? 'no reason given'}; see .wickstream/logs/connect.log`,
      );
    }
    options.signal.throwIfAborted();
    await delay(CONNECTOR_POLL_MS);
  }
}

/** Waits for all, then throws the first failure: nothing is left starting behind our back. */
async function all(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
