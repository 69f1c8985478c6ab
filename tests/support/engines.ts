/**
 * Where integration tests get their engines from. In: what the run's global setup provides, if it
 * does. Out: addresses of real engines, never shared with a running stack. Without a global setup
 * each test file starts its own, on a free port, in a folder that goes away with it.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { installEngines } from '../../local/engines/install.ts';
import { resolveLayout } from '../../local/stack/layout.ts';
import { freePort } from '../../local/stack/ports.ts';
import { startPostgres } from '../../local/stack/services/postgres.ts';

/** Superuser login of a server with `wal_level=logical`. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** One server for the whole run. */
    postgres?: PostgresServer;
  }
}

export interface OwnedPostgresServer extends PostgresServer {
  /** Ends a server that this file started; leaves a provided one running. */
  stop(): Promise<void>;
}

export async function postgresServer(): Promise<OwnedPostgresServer> {
  const provided = inject('postgres');
  if (provided !== undefined) return { ...provided, stop: () => Promise.resolve() };
  return startOwnPostgres();
}

async function startOwnPostgres(): Promise<OwnedPostgresServer> {
  const layout = resolveLayout({ checkout: join(import.meta.dirname, '..', '..') });
  const engines = await installEngines({ cacheDir: layout.engineCache });
  const folder = await mkdtemp(join(tmpdir(), 'wick-postgres-'));
  // As root the server runs as another user, which must be able to get in.
  await chmod(folder, 0o755);
  const login = { user: 'wickstream', password: randomBytes(16).toString('hex') };
  const port = await freePort();
  const server = await startPostgres({
    binaries: engines.postgres,
    place: {
      dataDir: join(folder, 'data'),
      logFile: join(folder, 'postgres.log'),
      pidFile: join(folder, 'postgres.pid'),
    },
    port,
    ...login,
    database: 'wickstream',
    runAs: layout.unprivileged,
    // A test's data need not outlive the machine.
    settings: ['fsync=off'],
  });
  return {
    host: '127.0.0.1',
    port,
    ...login,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
