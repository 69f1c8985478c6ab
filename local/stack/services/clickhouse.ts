/** The ClickHouse engine behind its HTTP front, as a child process on loopback. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess, type ManagedProcess } from '../managed-process.ts';
import type { ServicePlace } from './service.ts';

export interface ClickHouseServerOptions {
  readonly place: ServicePlace;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly signal?: AbortSignal | undefined;
}

const MAIN = join(import.meta.dirname, '..', '..', 'clickhouse', 'main.ts');
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;

export async function startClickHouse(options: ClickHouseServerOptions): Promise<ManagedProcess> {
  await mkdir(options.place.dataDir, { recursive: true });
  const passwordFile = `${options.place.dataDir}.password`;
  await writeFile(passwordFile, options.password, { mode: 0o600 });
  return startProcess({
    name: 'clickhouse',
    command: process.execPath,
    args: [
      MAIN,
      '--port',
      String(options.port),
      '--data',
      options.place.dataDir,
      '--user',
      options.user,
      '--password-file',
      passwordFile,
    ],
    logFile: options.place.logFile,
    pidFile: options.place.pidFile,
    ready: () => answers(options.port),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    signal: options.signal,
  });
}

async function answers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/ping`, {
    signal: AbortSignal.timeout(2_000),
  });
  return (await response.text()).startsWith('Ok');
}
