/**
 * The one reader of the environment. In: process.env, beneath it an optional env file (the embedded
 * stack writes one). Out: one frozen `Config`. All problems are reported at once, each naming its
 * variable; secrets never appear in a message.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { AppError, errorText } from '#core/errors.ts';

const text = (description: string, fallback?: string) =>
  Type.String({
    minLength: 1,
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
  });
const port = (description: string, fallback: number) =>
  Type.Integer({ minimum: 1, maximum: 65_535, description, default: fallback });
const count = (description: string, fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, description, default: fallback });

/** Every variable that our own processes read; `.env.example` is held against it by a test. */
export const CONFIG_SCHEMA = Type.Object(
  {
    DB_HOST: text('Postgres host', '127.0.0.1'),
    DB_PORT: port('Postgres port', 5432),
    DB_NAME: text('Postgres database', 'wickstream'),
    DB_USER: text('Postgres user that owns the schema', 'wickstream'),
    DB_PASSWORD: text('Password of DB_USER'),
    CDC_USER: text('Replication role that Debezium logs in as', 'wickstream_cdc'),
    CDC_PASSWORD: text('Password of CDC_USER'),
    KAFKA_BROKERS: text('Comma-separated host:port list', '127.0.0.1:9092'),
    KAFKA_CLUSTER_ID: Type.String({
      default: '',
      description: 'Refuse to talk to any other Kafka cluster; empty accepts the one that answers',
    }),
    CONNECT_URL: text('Kafka Connect REST', 'http://127.0.0.1:8083'),
    SCHEMA_REGISTRY_URL: text(
      'Root of the schema registry: its Confluent API',
      'http://127.0.0.1:8081/apis/ccompat/v7',
    ),
    CLICKHOUSE_HOST: text('ClickHouse host', '127.0.0.1'),
    CLICKHOUSE_PORT: port('ClickHouse HTTP port', 8123),
    CLICKHOUSE_DATABASE: text('ClickHouse database', 'wickstream'),
    CLICKHOUSE_USER: text('ClickHouse user', 'wickstream'),
    CLICKHOUSE_PASSWORD: text('Password of CLICKHOUSE_USER'),
    REDIS_HOST: text('Redis host', '127.0.0.1'),
    REDIS_PORT: port('Redis port', 6379),
    REDIS_PASSWORD: text('Redis password'),
    BINANCE_FUTURES_URL: text(
      'Root of the Binance USD-M REST API; the embedded stack points it and its like at the recorded venues',
      'https://fapi.binance.com',
    ),
    BINANCE_FUTURES_STREAM_URL: text(
      'Root of the Binance USD-M market streams; klines come from /market only',
      'wss://fstream.binance.com/market',
    ),
    BINANCE_SPOT_URL: text('Root of the Binance spot REST API', 'https://api.binance.com'),
    BINANCE_SPOT_STREAM_URL: text(
      'Root of the Binance spot streams',
      'wss://stream.binance.com:9443',
    ),
    COINBASE_URL: text(
      'Root of the Coinbase Exchange REST API',
      'https://api.exchange.coinbase.com',
    ),
    COINBASE_STREAM_URL: text(
      'Coinbase Advanced Trade market streams',
      'wss://advanced-trade-ws.coinbase.com',
    ),
    HYPERLIQUID_URL: text('Root of the Hyperliquid REST API', 'https://api.hyperliquid.xyz'),
    HYPERLIQUID_STREAM_URL: text('Hyperliquid streams', 'wss://api.hyperliquid.xyz/ws'),
    ECB_URL: text('Root of the euro reference rates', 'https://www.ecb.europa.eu'),
    CBR_URL: text('Root of the rates of the Bank of Russia', 'https://www.cbr.ru'),
    CNB_URL: text('Root of the rates of the Czech National Bank', 'https://www.cnb.cz'),
    NBG_URL: text('Root of the rates of the National Bank of Georgia', 'https://nbg.gov.ge'),
    WEB_SOURCES_DIR: text(
      'Folder of declared web sources, absolute or beside package.json',
      'sources',
    ),
    WEB_ALLOW_LOOPBACK: Type.Union([Type.Literal('false'), Type.Literal('true')], {
      default: 'false',
      description: 'Lets web sources be on this machine; for recorded ones only',
    }),
    KNOWN_HALTS: text(
      'File of known halts of venues, absolute or beside package.json; the bundled ones are known anyway',
      'etl/gaps/halts.json',
    ),
    SCHEDULER_JOBS: text(
      'File that declares the jobs of the scheduler, relative to the application',
      'scheduler/jobs.json',
    ),
    COLLECT_CRON: text('When to collect closed candles (node-cron, seconds first)', '3 * * * * *'),
    COLLECT_SERIES: text(
      'Comma-separated exchange|market_type|symbol|interval to collect',
      'binance-futures|perp|BTC/USDT|1m',
    ),
    COLLECT_HISTORY_DAYS: count('How far back a first collection reaches, days', 7, 1, 36_500),
    CANDLE_RETENTION_DAYS: count(
      'Candles older than this are dropped, days: where they are missing is no gap',
      36_500,
      1,
      36_500,
    ),
    RETAIN_RUNS_DAYS: count('Records of runs are kept so long, days; 0 keeps all', 90, 0, 36_500),
    RETAIN_JOB_RUNS_DAYS: count(
      'Records of jobs are kept so long, days; 0 keeps all',
      90,
      0,
      36_500,
    ),
    RETAIN_RAW_DAYS: count(
      'Raw payloads are kept so long, in whole months, days; 0 keeps all, at least 35',
      0,
      0,
      36_500,
    ),
    RETAIN_QUARANTINE_DAYS: count(
      'Settled rows of quarantine are kept so long, days; 0 keeps all; those that wait stay',
      0,
      0,
      36_500,
    ),
    STREAM_SERIES: text(
      'Comma-separated exchange|market_type|symbol|interval to stream',
      'binance-futures|perp|BTC/USDT|1m',
    ),
    STREAM_CHECK_EVERY: count(
      'Candles that a stream told as closed are held against the venue so many at once',
      1,
      1,
      60,
    ),
    ANALYZER_FLUSH_ROWS_MAX: count('Most candles in one ClickHouse insert', 60_000, 100, 200_000),
    ANALYZER_CHECKPOINT_MS: count(
      'Longest time between state checkpoints, ms',
      5_000,
      100,
      600_000,
    ),
    ANALYZER_SESSION_TIMEOUT_MS: count(
      'How long a silent analyzer keeps its partitions before another takes them, ms',
      30_000,
      6_000,
      300_000,
    ),
    ANALYZER_STALLED_MS: count(
      'Records that wait so long without one being committed make the analyzer not ready, ms',
      60_000,
      1_000,
      3_600_000,
    ),
    ANALYZER_STUCK_MS: count(
      'Records that wait so long without one being committed end the analyzer, ms',
      300_000,
      2_000,
      86_400_000,
    ),
    ANALYZER_POISON: Type.Union([Type.Literal('skip'), Type.Literal('stop')], {
      default: 'skip',
      description:
        'A record that cannot be read: skip parks it and goes on, stop ends the analyzer',
    }),
    CRASH_AT: text(
      'For fault tests: where the analyzer kills itself, as "after_insert:3", or never',
      'never',
    ),
    ANALYZER_PUBLISH: Type.Union([Type.Literal('on'), Type.Literal('off')], {
      default: 'on',
      description: 'Whether features and signals go to their topics; off needs no schema registry',
    }),
    SCHEDULER_HTTP_PORT: port('Health and metrics of the scheduler', 8090),
    ANALYZER_HTTP_PORT: port('Health and metrics of the analyzer', 8091),
    STREAMER_HTTP_PORT: port('Health and metrics of the streamer', 8092),
    WATCHDOG_HTTP_PORT: port('Health and metrics of the watchdog', 8093),
    HTTP_HOST: text('Address that health and metrics listen on', '127.0.0.1'),
    LOG_LEVEL: Type.Union(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => Type.Literal(level)),
      { default: 'info', description: 'Least severe level that is logged' },
    ),
  },
  { additionalProperties: false },
);

export type Config = Readonly<Static<typeof CONFIG_SCHEMA>>;

/** Variables whose values are never printed. */
export const SECRET_VARIABLES = [
  'DB_PASSWORD',
  'CDC_PASSWORD',
  'CLICKHOUSE_PASSWORD',
  'REDIS_PASSWORD',
] as const;

/** Where the embedded stack leaves its settings for later commands. */
function embeddedEnvFile(env: Readonly<Record<string, string | undefined>>): string {
  const moved = env['WICKSTREAM_DATA_DIR'] ?? '';
  const folder = moved === '' ? join(import.meta.dirname, '..', '.wickstream') : moved;
  return join(folder, 'stack.env');
}

export interface ConfigSources {
  /** Defaults to the process environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A KEY=value file beneath the environment; absent files are ignored. */
  readonly envFile?: string;
}

/**
 * Reads and checks the configuration.
 * @throws AppError WICK_CONFIG_INVALID naming every variable that is missing or malformed.
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const env = sources.env ?? process.env;
  const fromFile = readEnvFile(sources.envFile ?? env['WICK_ENV_FILE'] ?? embeddedEnvFile(env));
  const merged: Record<string, string> = {};
  for (const name of Object.keys(CONFIG_SCHEMA.properties)) {
    const value = env[name] ?? fromFile[name];
    if (value !== undefined && value !== '') merged[name] = value;
  }
  const candidate = Value.Default(CONFIG_SCHEMA, typed(merged));
  const problems = [...Value.Errors(CONFIG_SCHEMA, candidate)].map((problem) =>
    describeProblem(problem, merged),
  );
  if (problems.length > 0 || !Value.Check(CONFIG_SCHEMA, candidate)) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `${[...new Set(problems)].join('; ')}. Set them in the environment (with Docker Compose in .env), or start the embedded stack with "npm start"`,
      { details: { missing: listMissing(merged) } },
    );
  }
  return Object.freeze(candidate);
}

/** Plain digits become a number; every other text stays one, and is refused where a number belongs. */
function typed(merged: Readonly<Record<string, string>>): Record<string, string | number> {
  const values: Record<string, string | number> = { ...merged };
  for (const [name, schema] of Object.entries(CONFIG_SCHEMA.properties)) {
    const value = merged[name];
    const isNumber = 'type' in schema && schema.type === 'integer';
    if (value !== undefined && isNumber && /^\d{1,15}$/.test(value)) values[name] = Number(value);
  }
  return values;
}

function describeProblem(
  problem: { instancePath: string; message: string; params?: unknown },
  merged: Readonly<Record<string, string>>,
): string {
  const name = problem.instancePath.replace(/^\//, '');
  if (name === '') {
    return `${listMissing(merged).join(', ')} not set`;
  }
  const secret = SECRET_VARIABLES.some((variable) => variable === name);
  const shown = secret ? '***' : (merged[name] ?? '');
  return `${name} is "${shown}": ${problem.message}`;
}

/** Variables without a default that nobody set. */
function listMissing(merged: Readonly<Record<string, string>>): string[] {
  return Object.entries(CONFIG_SCHEMA.properties)
    .filter(([key, schema]) => merged[key] === undefined && !('default' in schema))
    .map(([key]) => key);
}

function readEnvFile(path: string): Record<string, string | undefined> {
  if (!existsSync(path)) return {};
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `The settings in "${path}" cannot be read: ${errorText(error)}; run as the user that started the stack`,
      { cause: error },
    );
  }
}
