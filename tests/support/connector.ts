/**
 * The connector under test, through Kafka Connect's own REST: pg-connector.json as it is, or changed
 * where a test says so. Removing takes its stored offsets along, so the next one starts from nothing.
 */
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import {
  applyConnector,
  connectorStatus,
  readConnectorFile,
  removeConnector,
} from '../../connectors/index.ts';
import { waitFor } from '../../local/stack/wait.ts';

const FILE = join(import.meta.dirname, '..', '..', 'pg-connector.json');
const TIMEOUT_MS = 60_000;

export interface ConnectorChanges {
  readonly name?: string;
  /** Settings to replace; undefined leaves one out. */
  readonly config?: Readonly<Record<string, string | undefined>>;
}

/** Registers the connector and waits until it and its task run. */
export async function activateConnector(
  url: string,
  changes: ConnectorChanges = {},
): Promise<void> {
  const file = await readConnectorFile(FILE);
  const config: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...file.config, ...changes.config })) {
    if (value !== undefined) config[name] = value;
  }
  const name = changes.name ?? file.name;
  await applyConnector({ url }, { name, config });
  await connectorRuns(url, name);
}

export async function connectorRuns(url: string, name: string): Promise<void> {
  const runs = async (): Promise<boolean> => {
    const { connector, tasks, failure } = await connectorStatus({ url }, name);
    if (failure !== null) throw new Error(failure);
    return connector === 'RUNNING' && tasks.length > 0 && tasks.every((s) => s === 'RUNNING');
  };
  await waitFor(runs, { what: `connector ${name} to run`, timeoutMs: TIMEOUT_MS });
}

/**
 * Waits until the connector has stored a place in the stream: from then on it goes on there after a
 * crash, where before it would take its snapshot again. Something must be streamed for it to happen.
 */
export async function streamIsStored(url: string, name: string): Promise<void> {
  const stored = async (): Promise<boolean> => {
    const offsets = await send(url, 'GET', `/${name}/offsets`);
    return offsets.includes('"lsn"') && !offsets.includes('snapshot');
  };
  await waitFor(stored, { what: `${name} to store its offsets`, timeoutMs: TIMEOUT_MS });
}

/** Removes every connector with what it remembers. */
export async function removeConnectors(url: string): Promise<void> {
  const names = Value.Parse(Type.Array(Type.String()), JSON.parse(await send(url, 'GET', '')));
  for (const name of names) {
    await send(url, 'PUT', `/${name}/stop`);
    const stopped = async (): Promise<boolean> =>
      (await connectorStatus({ url }, name)).connector === 'STOPPED';
    await waitFor(stopped, { what: `connector ${name} to stop`, timeoutMs: TIMEOUT_MS });
    // Its tasks may take a moment longer than the connector itself.
    const forgotten = async (): Promise<boolean> => {
      await send(url, 'DELETE', `/${name}/offsets`);
      return true;
    };
    await waitFor(forgotten, { what: `offsets of ${name} to go`, timeoutMs: TIMEOUT_MS });
    await removeConnector({ url }, name);
  }
}

async function send(url: string, method: string, path: string): Promise<string> {
  const response = await fetch(`${url}/connectors${path}`, {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${body}`);
  return body;
}
