/**
 * The schema registry (Apicurio) as a child process on loopback. In: its folder, a port. Out: its
 * Confluent API at /apis/ccompat/v7. Schemas and their ids lie in an H2 file of its own and are on the disk
 * before they are answered: a message names its schema by id for as long as it is kept.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess, type ManagedProcess } from '../managed-process.ts';
import { JAVA_ENV, javaArguments } from './java-service.ts';
import type { ServicePlace } from './service.ts';

export interface RegistryServerOptions {
  readonly java: string;
  /** Folder of the unpacked application. */
  readonly application: string;
  readonly place: ServicePlace;
  readonly port: number;
  readonly signal?: AbortSignal | undefined;
}

/** Relative to the working directory: a folder's name may hold what a JDBC address must not. */
const DATABASE = 'jdbc:h2:file:./registry;WRITE_DELAY=0';
const RUNNER = 'apicurio-registry-app-2.6.13.Final-runner.jar';
const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;

export async function startRegistry(options: RegistryServerOptions): Promise<ManagedProcess> {
  const { dataDir } = options.place;
  await mkdir(dataDir, { recursive: true });
  return startProcess({
    name: 'registry',
    command: options.java,
    args: [
      ...(await javaArguments(dataDir, 'WARN')),
      '-Xms32m',
      '-Xmx128m',
      '-XX:+UseSerialGC',
      // It answers a few requests a day: what a better compiler costs is never won back.
      '-XX:TieredStopAtLevel=1',
      '-XX:+ExitOnOutOfMemoryError',
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${options.port}`,
      '-Dquarkus.datasource.jdbc.initial-size=1',
      '-Dquarkus.datasource.jdbc.min-size=1',
      '-Dquarkus.datasource.jdbc.max-size=10',
      '-jar',
      join(options.application, RUNNER),
    ],
    env: {
      ...JAVA_ENV,
      REGISTRY_DATASOURCE_URL: DATABASE,
      LOG_LEVEL: 'WARN',
      REGISTRY_LOG_LEVEL: 'WARN',
    },
    cwd: dataDir,
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
  const response = await fetch(`http://127.0.0.1:${port}/apis/ccompat/v7/subjects`, {
    signal: AbortSignal.timeout(2_000),
  });
  await response.arrayBuffer();
  return response.ok;
}
