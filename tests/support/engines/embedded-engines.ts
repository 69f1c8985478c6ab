/**
 * Engines as child processes, started by the very code that starts the embedded stack, on ports and
 * in folders of their own. Each starts when it is first asked for.
 */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engines } from '../../../local/engines/install.ts';
import { resolveLayout } from '../../../local/stack/layout.ts';
import type { ManagedProcess } from '../../../local/stack/managed-process.ts';
import { startPostgres } from '../../../local/stack/services/postgres.ts';
import { servicePlace } from '../../../local/stack/services/service.ts';
import { stackServices } from '../../../local/stack/stack.ts';
import { ENGINES, type EngineName, type EngineProvider, type EngineSet } from './engine-set.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');

export function createEmbeddedEngines(set: EngineSet, engines: Engines): EngineProvider {
  const running = new Map<EngineName, Promise<ManagedProcess>>();
  const starters = startersOf(set, engines);

  const start = async (engine: EngineName): Promise<void> => {
    // Connect waits for its broker only so long.
    if (engine === 'connect') await start('kafka');
    let started = running.get(engine);
    if (started === undefined) {
      started = starters[engine]();
      running.set(engine, started);
      // One that could not start may be tried again.
      started.catch(() => running.delete(engine));
    }
    await started;
  };
  const stop = async (engine: EngineName): Promise<void> => {
    const found = running.get(engine);
    if (found === undefined) return;
    await (await found).stop();
    running.delete(engine);
  };
  const kill = async (engine: EngineName): Promise<void> => {
    const found = running.get(engine);
    if (found === undefined) return;
    const { pid, exited } = await found;
    process.kill(pid, 'SIGKILL');
    await exited;
    running.delete(engine);
  };
  return {
    start,
    stop,
    kill,
    identity: async () => ({
      systemIdentifier: running.has('postgres') ? await readSystemIdentifier(set) : null,
      kafkaClusterId: set.secrets.kafkaClusterId,
    }),
    close: async () => {
      await Promise.all(['connect' as const, 'postgres' as const, 'clickhouse' as const].map(stop));
      await Promise.all(ENGINES.map(stop));
      await rm(set.folder, { recursive: true, force: true });
    },
  };
}

function startersOf(
  set: EngineSet,
  engines: Engines,
): Record<EngineName, () => Promise<ManagedProcess>> {
  const layout = {
    ...resolveLayout({ checkout: CHECKOUT, dataDir: set.folder }),
    data: set.data,
    logs: set.logs,
    run: set.run,
  };
  const services = stackServices({
    layout,
    ports: set.ports,
    secrets: set.secrets,
    engines,
    env: set.env,
    venueArgs: [],
    logLevel: 'info',
  });
  return {
    postgres: () =>
      startPostgres({
        binaries: engines.postgres,
        place: servicePlace(set, 'postgres'),
        port: set.ports.postgres,
        user: set.env['DB_USER'] ?? '',
        password: set.secrets.dbPassword,
        database: set.env['DB_NAME'] ?? '',
        runAs: layout.unprivileged,
        // A test's data need not outlive the machine.
        settings: ['fsync=off'],
      }),
    redis: () => services.redis.start(),
    clickhouse: () => services.clickhouse.start(),
    kafka: () => services.kafka.start(),
    connect: () => services.connect.start(),
    registry: () => services.registry.start(),
  };
}

/** The control file begins with it, in the machine's byte order. */
async function readSystemIdentifier(set: EngineSet): Promise<string> {
  const path = join(servicePlace(set, 'postgres').dataDir, 'global', 'pg_control');
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return String(buffer.readBigUInt64LE(0));
  } finally {
    await file.close();
  }
}
