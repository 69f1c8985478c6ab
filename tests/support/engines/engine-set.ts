/**
 * The set of engines that one test run has to itself, as data: names, free ports, random passwords, a
 * folder, and the configuration that follows from them. In: a folder. Out: the same record whether
 * the engines then run in containers or as child processes. It starts nothing.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secrets } from '../../../local/stack/secrets.ts';
import { stackEnv } from '../../../local/stack/stack-env.ts';
import { freeStackPorts, type StackPorts } from '../../../local/stack/stack-ports.ts';

export const ENGINES = ['postgres', 'redis', 'clickhouse', 'kafka', 'connect', 'registry'] as const;
export type EngineName = (typeof ENGINES)[number];

export interface EngineSet {
  /** Goes away with the engines. */
  readonly folder: string;
  readonly logs: string;
  /** Pid files, those of our own processes under test too. */
  readonly run: string;
  readonly data: string;
  readonly ports: StackPorts;
  readonly secrets: Secrets;
  /** The variables that our own processes are configured by. */
  readonly env: Readonly<Record<string, string>>;
}

/** What makes an engine this run's and no other. */
export interface EngineIdentity {
  /** Of the Postgres server, from its data folder and not from its port; null until it runs. */
  readonly systemIdentifier: string | null;
  readonly kafkaClusterId: string;
}

/** Engines of one kind. Starting what runs and stopping what does not changes nothing. */
export interface EngineProvider {
  /** Resolves once the engine works; starts it again after `stop` or `kill`, with its data. */
  start(engine: EngineName): Promise<void>;
  stop(engine: EngineName): Promise<void>;
  /** SIGKILL; resolves once it is gone. */
  kill(engine: EngineName): Promise<void>;
  identity(): Promise<EngineIdentity>;
  /** Ends all of them and removes what they stored. */
  close(): Promise<void>;
}

export async function createEngineSet(folder: string): Promise<EngineSet> {
  const [logs, run, data] = [join(folder, 'logs'), join(folder, 'run'), join(folder, 'data')];
  for (const path of [logs, run, data]) await mkdir(path, { recursive: true, mode: 0o755 });
  const secrets = createSecrets();
  const ports = await freeStackPorts();
  const env = {
    ...stackEnv(ports, secrets),
    // Without it a process would read what a stack of this checkout left there.
    WICK_ENV_FILE: join(folder, 'no-such.env'),
  };
  return { folder, logs, run, data, ports, secrets, env };
}

function createSecrets(): Secrets {
  const password = (): string => randomBytes(24).toString('hex');
  return {
    dbPassword: password(),
    cdcPassword: password(),
    clickhousePassword: password(),
    redisPassword: password(),
    // One that begins with "-" would be taken for an option.
    kafkaClusterId: `A${randomBytes(16).toString('base64url').slice(1)}`,
  };
}
