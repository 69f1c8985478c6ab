/**
 * Brings the embedded stack up: preflight, leftovers of a crashed run, engines, schema, connector,
 * our own processes. Start is recovery: it makes no difference how the last run ended. An abort ends
 * it at any point, with everything stopped that was started. Composition only; each step lives in
 * `local/` or in the stage that it belongs to.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { applyConnector, connectorStatus, readConnectorFile } from '../../connectors/index.ts';
import { findEngines, installEngines, type Engines } from '../../local/engines/install.ts';
import {
  assertTraversable,
  createLayout,
  resolveLayout,
  type StackLayout,
} from '../../local/stack/layout.ts';
import { boundLogs } from '../../local/stack/log-file.ts';
import { OWNER_VARIABLE } from '../../local/stack/managed-process.ts';
import { claimPidFile, identify, removePidFile } from '../../local/stack/pid-file.ts';
import { assertFree } from '../../local/stack/ports.ts';
import { assertDisk, assertJava, assertUser } from '../../local/stack/preflight.ts';
import { readSecrets } from '../../local/stack/secrets.ts';
import { servicePlace } from '../../local/stack/services/service.ts';
import { stackEnv, VENUE_VARIABLES, writeEnvFile } from '../../local/stack/stack-env.ts';
import {
  PORT_VARIABLES,
  readPorts,
  STACK_PORTS,
  type StackPorts,
} from '../../local/stack/stack-ports.ts';
import { SERVICES, stackServices, type ServiceName } from '../../local/stack/stack.ts';
import {
  Supervisor,
  type SupervisedService,
  type SupervisorEvent,
} from '../../local/stack/supervisor.ts';
import { PAGES_DIRECTORY, RECORDINGS_DIRECTORY } from '../../local/venues/recorded-venue.ts';
import type { ReplayStatus } from '../../local/venues/replay-status.ts';
import { recollect } from './recollect.ts';
import { collectedOf, readReplay } from './replay.ts';
import { stopServices, supervisorPidFile } from './stop-stack.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import { bootstrapPipeline } from '../pipeline/bootstrap.ts';
import { withCaptureStores } from '../pipeline/capture-stores.ts';
import { assertSameSource } from '../pipeline/change-source.ts';

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
  /** Told about long work in steps, each replacing the one before. */
  readonly progress: (step: string) => void;
  readonly onEvent: (event: SupervisorEvent) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface RunningStack {
  readonly layout: StackLayout;
  readonly ports: StackPorts;
  readonly config: Config;
  /** The caller's own folder of recordings; undefined for the bundled ones. */
  readonly data: string | undefined;
  readonly supervisor: Supervisor;
  stop(): Promise<void>;
}

const CONNECTOR_TIMEOUT_MS = 60_000;
const CONNECTOR_POLL_MS = 200;
/** Maven's downloads and what is unpacked from them, MiB. */
const INSTALL_MIB = 900;
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

export async function startStack(options: StartOptions): Promise<RunningStack> {
  const layout = stackLayout(options.checkout, options.env);
  // As root Postgres runs as another user and must be able to enter what we make.
  if (layout.unprivileged !== null) process.umask(0o022);
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
  const self = await identify(process.pid);
  if (self === null) throw new Error('the system does not know this process');
  const holder = await claimPidFile(supervisorPidFile(layout), self);
  if (holder.pid === self.pid) return;
  throw new AppError(
    'WICK_LOCAL_ALREADY_RUNNING',
    `The stack of this checkout is already running (pid ${holder.pid}); look with "npm run wick -- status", stop it with "npm run wick -- down"`,
  );
}

/** What the caller may set of our own processes; the recorded venue decides what there is to collect. */
function callerSettings(options: StartOptions): Record<string, string> {
  const names = ['LOG_LEVEL', 'ANALYZER_FLUSH_ROWS_MAX', 'ANALYZER_CHECKPOINT_MS'];
  if (options.live) names.push('COLLECT_SERIES', 'COLLECT_HISTORY_DAYS', 'COLLECT_CRON');
  const settings: Record<string, string> = {};
  for (const name of names) {
    const value = options.env[name];
    if (value !== undefined && value !== '') settings[name] = value;
  }
  return settings;
}

async function startLocked(
  options: StartOptions,
  layout: StackLayout,
  ports: StackPorts,
): Promise<RunningStack> {
  const secrets = await readSecrets(layout.secretsFile, layout.data);
  const engines = await prepare(options, layout, ports);
  // Filled in further before the scheduler starts; services read it when they start.
  const env: Record<string, string> = { ...stackEnv(ports, secrets), ...callerSettings(options) };
  // What is counted at the end is what was collected: no other job adds to it.
  if (options.once) env['SCHEDULER_JOBS'] = 'local/stack/once-jobs.json';
  if (options.live) for (const name of VENUE_VARIABLES) delete env[name];
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
  const logs = boundLogs(SERVICES.map((name) => servicePlace(layout, name).logFile));
  const stop = async (): Promise<void> => {
    logs.close();
    await supervisor.stop();
    await removePidFile(supervisorPidFile(layout));
  };
  const interrupt = (): void => void supervisor.stop().catch(() => undefined); // `stop` reports it.
  options.signal.addEventListener('abort', interrupt, { once: true });
  try {
    await launch({ options, layout, ports, config, env, services, supervisor });
    return {
      layout,
      ports,
      config: loadConfig({ env, envFile: layout.envFile }),
      data: options.data,
      supervisor,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', interrupt);
  }
}

interface Launch {
  readonly options: StartOptions;
  readonly layout: StackLayout;
  readonly ports: StackPorts;
  readonly config: Config;
  readonly env: Record<string, string>;
  readonly services: Readonly<Record<ServiceName, SupervisedService>>;
  readonly supervisor: Supervisor;
}

/** Engines, schema, connector, our own processes: all of them up, or it throws. */
async function launch({ options, layout, ports, ...rest }: Launch): Promise<void> {
  const { config, env, services, supervisor } = rest;
  options.signal.throwIfAborted();
  const connect = supervisor.start(services.kafka).then(() => supervisor.start(services.connect));
  await all([
    connect,
    supervisor.start(services.postgres),
    supervisor.start(services.redis),
    supervisor.start(services.clickhouse),
    supervisor.start(services.registry),
    options.live ? Promise.resolve() : supervisor.start(services.venue),
  ]);
  options.progress('making schema, topics and tables');
  await unlessAborted(options.signal, bootstrapPipeline(config, options.logger));
  await all([
    supervisor.start(services.analyzer),
    options.connector
      ? unlessAborted(options.signal, activate(options, layout, config))
      : Promise.resolve(),
  ]);
  await supervisor.start(services.watchdog);
  options.signal.throwIfAborted();
  if (!options.live) {
    const replay = collectedOf(await readReplay(ports.venue), options.data);
    Object.assign(env, collectSettings(options, replay));
    await recollect({
      config: loadConfig({ env, envFile: layout.envFile }),
      replay,
      directory: options.data ?? RECORDINGS_DIRECTORY,
      knownFile: join(layout.base, 'recordings.json'),
      say: options.say,
      logger: options.logger,
      signal: options.signal,
    });
  }
  await writeEnvFile(layout.envFile, env);
  await supervisor.start(services.scheduler);
}

async function prepare(
  options: StartOptions,
  layout: StackLayout,
  ports: StackPorts,
): Promise<Engines> {
  assertUser();
  await assertJava(options.env);
  await assertDisk(layout.base);
  await stopServices(layout, (name) =>
    options.say(`stopped ${name}, left over from an earlier run`),
  );
  for (const name of STACK_PORTS) {
    await assertFree(name, ports[name], PORT_VARIABLES[name].variable);
  }
  return provideEngines(options, layout);
}

async function provideEngines(options: StartOptions, layout: StackLayout): Promise<Engines> {
  const cacheDir = layout.engineCache;
  const found = await findEngines({ cacheDir });
  if (found === null) await assertDisk(cacheDir, INSTALL_MIB, 'WICKSTREAM_CACHE_DIR');
  const engines =
    found ??
    (await installEngines({
      cacheDir,
      onProgress: options.progress,
      signal: options.signal,
      // So that a start after a crash finds Maven too.
      env: { [OWNER_VARIABLE]: join(layout.run, 'install.pid') },
    }));
  if (layout.unprivileged !== null) {
    await assertTraversable(engines.postgres, 'WICKSTREAM_CACHE_DIR');
  }
  return engines;
}

/** What is not cut short by itself is left to end behind our back: its stores are going away. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const reject = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', reject, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', reject);
    work.catch(() => undefined);
  }
}

function venueArgs(options: StartOptions, layout: StackLayout): string[] {
  return [
    '--clock-file',
    join(layout.base, 'venue-clock.json'),
    '--weight-limit',
    String(VENUE_WEIGHT_LIMIT),
    '--request-limit',
    String(VENUE_WEIGHT_LIMIT),
    '--web',
    PAGES_DIRECTORY,
    '--speed',
    String(options.speed),
    ...(options.once ? ['--once'] : []),
    ...(options.data === undefined ? [] : ['--data', options.data]),
  ];
}

/** The recorded venue decides what there is to collect, how far back and how often. */
function collectSettings(options: StartOptions, replay: ReplayStatus): Record<string, string> {
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

async function activate(options: StartOptions, layout: StackLayout, config: Config): Promise<void> {
  const endpoint = { url: config.CONNECT_URL };
  const file = await readConnectorFile(join(options.checkout, 'pg-connector.json'));
  await withCaptureStores(config, ({ pool, clickhouse }) => assertSameSource(pool, clickhouse));
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
        `The connector did not start within ${CONNECTOR_TIMEOUT_MS / 1000} s (${connector}, ${tasks.join(', ')}): ${failure ?? 'no reason given'}; see ${join(layout.logs, 'connect.log')}`,
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
