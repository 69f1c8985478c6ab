/**
 * The engines that the benches share: the embedded stack's own services, on free ports, in a
 * temporary folder, each started when first needed. In: nothing. Out: clients and processes. It
 * touches no stack that may be running, and leaves neither process nor file behind.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyConnector, connectorStatus, readConnectorFile } from '../connectors/index.ts';
import { installEngines } from '../local/engines/install.ts';
import { resolveLayout, type StackLayout } from '../local/stack/layout.ts';
import type { ManagedProcess } from '../local/stack/managed-process.ts';
import { startNodeService } from '../local/stack/services/node-service.ts';
import { servicePlace } from '../local/stack/services/service.ts';
import { readSecrets } from '../local/stack/secrets.ts';
import { stackEnv } from '../local/stack/stack-env.ts';
import { freeStackPorts } from '../local/stack/stack-ports.ts';
import { stackServices, type ServiceName } from '../local/stack/stack.ts';
import { waitFor } from '../local/stack/wait.ts';
import { bootstrapPipeline } from '../scripts/pipeline/bootstrap.ts';
import { openPipelineClients, type PipelineClients } from '../scripts/pipeline/pipeline-clients.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';

export const CHECKOUT = join(import.meta.dirname, '..');
/** Our own processes say at this level what the benches read from their logs. */
const LOG_LEVEL = 'info';
const CONNECTOR_TIMEOUT_MS = 60_000;

export type EngineName = Extract<
  ServiceName,
  'postgres' | 'redis' | 'clickhouse' | 'kafka' | 'connect' | 'registry'
>;

export class BenchStack {
  readonly layout: StackLayout;
  readonly config: Config;
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #services: ReturnType<typeof stackServices>;
  readonly #running = new Map<string, ManagedProcess>();
  readonly #starting = new Set<Promise<unknown>>();
  readonly #logger = createLogger('bench', 'silent');
  #clients: Promise<PipelineClients> | null = null;
  #pipeline: Promise<PipelineClients> | null = null;
  #stopping: Promise<void> | null = null;

  private constructor(parts: {
    folder: string;
    layout: StackLayout;
    env: Readonly<Record<string, string>>;
    services: ReturnType<typeof stackServices>;
  }) {
    this.#folder = parts.folder;
    this.layout = parts.layout;
    this.env = parts.env;
    this.#services = parts.services;
    this.config = loadConfig({ env: parts.env });
  }

  /** Makes folder, ports and passwords; starts nothing yet. */
  static async create(onProgress: (step: string) => void): Promise<BenchStack> {
    const folder = await mkdtemp(join(tmpdir(), 'wick-bench-'));
    // As root Postgres runs as another user, which must be able to get in.
    await chmod(folder, 0o755);
    const layout = resolveLayout({
      checkout: CHECKOUT,
      dataDir: folder,
      cacheDir: process.env['WICKSTREAM_CACHE_DIR'],
    });
    for (const path of [layout.data, layout.logs, layout.run]) await mkdir(path);
    const engines = await installEngines({ cacheDir: layout.engineCache, onProgress });
    const ports = await freeStackPorts();
    const secrets = await readSecrets(layout.secretsFile);
    const env = { ...stackEnv(ports, secrets), WICK_ENV_FILE: layout.envFile };
    const services = stackServices({
      layout,
      ports,
      secrets,
      engines,
      env,
      venueArgs: [],
      logLevel: LOG_LEVEL,
    });
    return new BenchStack({ folder, layout, env, services });
  }

  /** Starts the engines that do not run yet. */
  async start(...names: readonly EngineName[]): Promise<void> {
    for (const name of names) {
      if (!this.#running.has(name)) await this.#run(name, () => this.#services[name].start());
    }
  }

  /** Remembers a process from its first moment on, so that the end finds it. */
  async #run(name: string, start: () => Promise<ManagedProcess>): Promise<ManagedProcess> {
    if (this.#stopping !== null) throw new Error('the bench is stopping');
    const starting = start();
    this.#starting.add(starting);
    try {
      const started = await starting;
      this.#running.set(name, started);
      return started;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** All engines, schema, topics and the running connector. */
  async pipeline(): Promise<PipelineClients> {
    this.#pipeline ??= this.#startPipeline();
    return this.#pipeline;
  }

  async #startPipeline(): Promise<PipelineClients> {
    await this.start('postgres', 'redis', 'clickhouse', 'kafka', 'connect', 'registry');
    await bootstrapPipeline(this.config, this.#logger);
    const endpoint = { url: this.config.CONNECT_URL };
    await applyConnector(endpoint, await readConnectorFile(join(CHECKOUT, 'pg-connector.json')));
    await waitFor(
      async () => {
        const { connector, tasks } = await connectorStatus(endpoint, CONNECTOR_NAME);
        return connector === 'RUNNING' && tasks.length === 1 && tasks[0] === 'RUNNING';
      },
      { what: 'the connector to run', timeoutMs: CONNECTOR_TIMEOUT_MS },
    );
    this.#clients = openPipelineClients(this.config, this.#logger);
    return this.#clients;
  }

  /** Stops the connector from taking changes, or lets it go on; the slot keeps them. */
  async pauseConnector(paused: boolean): Promise<void> {
    const action = paused ? 'pause' : 'resume';
    const path = `${this.config.CONNECT_URL}/connectors/${CONNECTOR_NAME}/${action}`;
    const response = await fetch(path, { method: 'PUT' });
    if (!response.ok) throw new Error(`Connect refused to ${action}: ${await response.text()}`);
    const wanted = paused ? 'PAUSED' : 'RUNNING';
    const status = async (): Promise<boolean> => {
      const { tasks } = await connectorStatus({ url: this.config.CONNECT_URL }, CONNECTOR_NAME);
      return tasks.length === 1 && tasks[0] === wanted;
    };
    await waitFor(status, { what: `the connector to be ${wanted}`, timeoutMs: 30_000 });
  }

  /** One of our own processes beside the engines; `stop` it, or the end will. */
  async spawnNode(
    name: string,
    entry: string,
    options: {
      readonly args?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      readonly readyUrl: string;
    },
  ): Promise<ManagedProcess & { readonly logFile: string }> {
    const place = servicePlace(this.layout, `${name}-${randomBytes(3).toString('hex')}`);
    const started = await this.#run(place.logFile, () =>
      startNodeService({
        name,
        entry,
        args: options.args ?? [],
        env: { ...this.env, LOG_LEVEL, ...options.env },
        place,
        readyUrl: options.readyUrl,
      }),
    );
    return { ...started, logFile: place.logFile };
  }

  /** Pids of the engines that run. */
  pid(name: EngineName): number | undefined {
    return this.#running.get(name)?.pid;
  }

  /** Ends everything, last started first, and removes the folder. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.allSettled(this.#starting);
    const clients = await this.#clients?.catch(() => null);
    await clients?.close();
    for (const running of [...this.#running.values()].reverse()) await running.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
