/**
 * Engines as containers: docker-compose.yml itself, run by Testcontainers under a project name, on
 * ports and with passwords of its own. Images, commands and health checks are thereby production's.
 * Testcontainers' reaper removes the project even when this process is killed.
 */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DockerComposeEnvironment,
  getContainerRuntimeClient,
  type StartedDockerComposeEnvironment,
} from 'testcontainers';
import { errorText } from '#core/errors.ts';
import type { EngineName, EngineProvider, EngineSet } from './engine-set.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
const STARTUP_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 30_000;

/** Names of the engines in docker-compose.yml. */
const SERVICES: Readonly<Record<EngineName, string>> = {
  postgres: 'db',
  redis: 'redis',
  clickhouse: 'clickhouse',
  kafka: 'kafka',
  connect: 'debezium',
  registry: 'registry',
};

/** Why Docker cannot be used here, or null where it can. */
export async function dockerProblem(): Promise<string | null> {
  try {
    await getContainerRuntimeClient();
    return null;
  } catch (error) {
    return errorText(error);
  }
}

/** What Compose fills docker-compose.yml with; a `.env` of the checkout must not reach through. */
export function composeEnvironment({ env, ports, secrets }: EngineSet): Record<string, string> {
  const value = (name: string): string => env[name] ?? '';
  return {
    DB_HOST: 'db',
    DB_NAME: value('DB_NAME'),
    DB_USER: value('DB_USER'),
    DB_PASSWORD: secrets.dbPassword,
    CDC_USER: value('CDC_USER'),
    CDC_PASSWORD: secrets.cdcPassword,
    CLICKHOUSE_USER: value('CLICKHOUSE_USER'),
    CLICKHOUSE_PASSWORD: secrets.clickhousePassword,
    REDIS_PASSWORD: secrets.redisPassword,
    KAFKA_BROKERS: 'kafka:9092',
    KAFKA_CLUSTER_ID: secrets.kafkaClusterId,
    DB_PORT: String(ports.postgres),
    REDIS_PORT: String(ports.redis),
    CLICKHOUSE_PORT: String(ports.clickhouse),
    KAFKA_PORT: String(ports.kafka),
    CONNECT_PORT: String(ports.connect),
    SCHEMA_REGISTRY_PORT: String(ports.registry),
  };
}

export function createDockerEngines(set: EngineSet): EngineProvider {
  return new DockerEngines(set);
}

class DockerEngines implements EngineProvider {
  readonly #set: EngineSet;
  readonly #compose: DockerComposeEnvironment;
  readonly #known = new Set<EngineName>();
  readonly #running = new Set<EngineName>();
  #started: StartedDockerComposeEnvironment | null = null;
  /** Compose runs on one project must not overlap. */
  #last: Promise<void> = Promise.resolve();

  constructor(set: EngineSet) {
    this.#set = set;
    this.#compose = new DockerComposeEnvironment(CHECKOUT, 'docker-compose.yml')
      .withEnvironment(composeEnvironment(set))
      .withStartupTimeout(STARTUP_TIMEOUT_MS);
  }

  start(engine: EngineName): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running.has(engine)) return;
      if (this.#known.has(engine)) {
        await this.#container(engine).restart();
      } else {
        this.#started = await this.#compose.up([SERVICES[engine]]);
        this.#known.add(engine);
      }
      this.#running.add(engine);
      await this.#follow(engine);
    });
  }

  stop(engine: EngineName): Promise<void> {
    return this.#signal(engine, (container) => container.stop({ t: STOP_TIMEOUT_MS / 1000 }));
  }

  kill(engine: EngineName): Promise<void> {
    return this.#signal(engine, (container) => container.kill());
  }

  async identity() {
    const { env, secrets } = this.#set;
    if (!this.#known.has('postgres')) {
      return { systemIdentifier: null, kafkaClusterId: secrets.kafkaClusterId };
    }
    // By the socket inside the container: a foreign server on our port cannot answer there.
    const { output, exitCode } = await this.#container('postgres').exec(
      [
        'psql',
        '-AtU',
        env['DB_USER'] ?? '',
        '-c',
        'select system_identifier from pg_control_system()',
      ],
      { env: { PGDATABASE: env['DB_NAME'] ?? '', PGPASSWORD: secrets.dbPassword } },
    );
    if (exitCode !== 0) throw new Error(`psql in the container failed: ${output}`);
    return { systemIdentifier: output.trim(), kafkaClusterId: secrets.kafkaClusterId };
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#started?.down({ removeVolumes: true, timeout: STOP_TIMEOUT_MS });
    await rm(this.#set.folder, { recursive: true, force: true });
  }

  #container(engine: EngineName) {
    if (this.#started === null) throw new Error(`${engine} was never started`);
    return this.#started.getContainer(`${SERVICES[engine]}-1`);
  }

  async #signal(
    engine: EngineName,
    work: (container: {
      stop(options: { t: number }): Promise<unknown>;
      kill(): Promise<unknown>;
    }) => Promise<unknown>,
  ): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#running.delete(engine)) return;
      const { container } = await getContainerRuntimeClient();
      await work(container.getById(this.#container(engine).getId()));
    });
  }

  /** What the container prints goes where an embedded engine's log lies. */
  async #follow(engine: EngineName): Promise<void> {
    const output = await this.#container(engine).logs();
    output.pipe(createWriteStream(join(this.#set.logs, `${engine}.log`)));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.catch(() => undefined).then(work);
    this.#last = done;
    return done;
  }
}
