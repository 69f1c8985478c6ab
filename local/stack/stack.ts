/**
 * The embedded stack as a whole: which services, with which settings, in which order. In: layout,
 * ports, options. Out: services for the supervisor in two groups, engines first, our own processes
 * after the schema exists. It starts nothing by itself and knows nothing of schemas.
 */
import type { Engines } from '../engines/install.ts';
import type { StackLayout } from './layout.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Secrets } from './secrets.ts';
import { startClickHouse } from './services/clickhouse.ts';
import { startConnect } from './services/connect.ts';
import { startKafka } from './services/kafka.ts';
import { startNodeService } from './services/node-service.ts';
import { startPostgres } from './services/postgres.ts';
import { startRedis } from './services/redis.ts';
import { startRegistry } from './services/registry.ts';
import { javaCommand, servicePlace } from './services/service.ts';
import type { StackPorts } from './stack-ports.ts';
import type { SupervisedService } from './supervisor.ts';

export interface StackOptions {
  readonly layout: StackLayout;
  readonly ports: StackPorts;
  readonly secrets: Secrets;
  readonly engines: Engines;
  /** What our own processes get as environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly venueArgs: readonly string[];
  readonly logLevel: string;
}

/** Names of all services in start order; each has a pid file and a log of that name. */
export const SERVICES = [
  'postgres',
  'redis',
  'clickhouse',
  'kafka',
  'connect',
  'registry',
  'venue',
  'analyzer',
  'scheduler',
  'watchdog',
] as const;
export type ServiceName = (typeof SERVICES)[number];

/** How each service is asked to stop. */
export const STOP_SIGNALS: Readonly<Record<ServiceName, 'SIGTERM' | 'SIGINT'>> = {
  postgres: 'SIGINT',
  redis: 'SIGTERM',
  clickhouse: 'SIGTERM',
  kafka: 'SIGTERM',
  connect: 'SIGTERM',
  registry: 'SIGTERM',
  venue: 'SIGTERM',
  analyzer: 'SIGTERM',
  scheduler: 'SIGTERM',
  watchdog: 'SIGTERM',
};

export function stackServices(options: StackOptions): Record<ServiceName, SupervisedService> {
  const starters: Starters<ServiceName> = {
    ...engineStarters(options),
    ...ownStarters(options),
  };
  const service = (name: ServiceName): SupervisedService => ({ name, start: starters[name] });
  return {
    postgres: service('postgres'),
    redis: service('redis'),
    clickhouse: service('clickhouse'),
    kafka: service('kafka'),
    connect: service('connect'),
    registry: service('registry'),
    venue: service('venue'),
    analyzer: service('analyzer'),
    scheduler: service('scheduler'),
    watchdog: service('watchdog'),
  };
}

type Starters<Name extends ServiceName> = Record<
  Name,
  (signal?: AbortSignal) => Promise<ManagedProcess>
>;

function engineStarters(
  options: StackOptions,
): Starters<'postgres' | 'redis' | 'clickhouse' | 'kafka' | 'connect' | 'registry'> {
  const { layout, ports, secrets, engines, env } = options;
  const place = (name: ServiceName) => servicePlace(layout, name);
  const value = (name: string): string => env[name] ?? '';
  const jvm = { java: javaCommand(process.env), classPath: engines.kafkaClassPath };
  return {
    postgres: (signal) =>
      startPostgres({
        binaries: engines.postgres,
        signal,
        place: place('postgres'),
        port: ports.postgres,
        user: value('DB_USER'),
        password: secrets.dbPassword,
        database: value('DB_NAME'),
        runAs: layout.unprivileged,
      }),
    redis: (signal) =>
      startRedis({
        binary: engines.redisServer,
        signal,
        place: place('redis'),
        port: ports.redis,
        password: secrets.redisPassword,
      }),
    clickhouse: (signal) =>
      startClickHouse({
        signal,
        place: place('clickhouse'),
        port: ports.clickhouse,
        user: value('CLICKHOUSE_USER'),
        password: secrets.clickhousePassword,
      }),
    kafka: (signal) =>
      startKafka({
        ...jvm,
        signal,
        place: place('kafka'),
        port: ports.kafka,
        controllerPort: ports.kafkaController,
        clusterId: secrets.kafkaClusterId,
      }),
    connect: (signal) =>
      startConnect({
        ...jvm,
        plugins: engines.connectPlugins,
        signal,
        place: place('connect'),
        port: ports.connect,
        kafkaPort: ports.kafka,
        connectorEnv: {
          DB_HOST: value('DB_HOST'),
          DB_PORT: value('DB_PORT'),
          DB_NAME: value('DB_NAME'),
          CDC_USER: value('CDC_USER'),
          CDC_PASSWORD: value('CDC_PASSWORD'),
        },
      }),
    registry: (signal) =>
      startRegistry({
        java: jvm.java,
        application: engines.registry,
        signal,
        place: place('registry'),
        port: ports.registry,
      }),
  };
}

function ownStarters(
  options: StackOptions,
): Starters<'venue' | 'analyzer' | 'scheduler' | 'watchdog'> {
  const { layout, ports, env } = options;
  const own = (
    signal: AbortSignal | undefined,
    name: ServiceName,
    entry: string,
    readyUrl: string,
    args: readonly string[] = [],
  ) =>
    startNodeService({
      signal,
      name,
      entry,
      // A small young generation keeps a long backfill within 150 MiB (npm run bench).
      nodeArgs: name === 'scheduler' ? ['--max-semi-space-size=8'] : [],
      args,
      env: { ...env, LOG_LEVEL: options.logLevel },
      place: servicePlace(layout, name),
      readyUrl,
    });
  return {
    venue: (signal) =>
      own(signal, 'venue', 'local/venues/main.ts', `http://127.0.0.1:${ports.venue}/replay`, [
        '--port',
        String(ports.venue),
        '--log-level',
        options.logLevel,
        ...options.venueArgs,
      ]),
    analyzer: (signal) =>
      own(
        signal,
        'analyzer',
        'analyzer/main.ts',
        `http://127.0.0.1:${ports.analyzer}/health/ready`,
      ),
    scheduler: (signal) =>
      own(
        signal,
        'scheduler',
        'scheduler/main.ts',
        `http://127.0.0.1:${ports.scheduler}/health/live`,
      ),
    watchdog: (signal) =>
      own(signal, 'watchdog', 'scripts/wick.ts', `http://127.0.0.1:${ports.watchdog}/health/live`, [
        'watch',
      ]),
  };
}
