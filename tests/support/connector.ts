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

/**
 * Registers the connector and waits until it and its task run. One that runs already is stopped
 * before: its old task would be seen running, and take signals, until Connect comes to end it.
 * @param slotIsFree tells whether Postgres has let the slot go; it does so a moment after Connect says
 *   that the task stopped, and a task that starts in between fails once and tries again ten seconds on.
 */
export async function activateConnector(
  url: string,
  slotIsFree: () => Promise<boolean>,
  changes: ConnectorChanges = {},
): Promise<void> {
  const file = await readConnectorFile(FILE);
  const config: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...file.config, ...changes.config })) {
    if (value !== undefined) config[name] = value;
  }
  const name = changes.name ?? file.name;
  const known = await connectorNames(url);
  if (known.includes(name)) {
    await stopConnector(url, name);
    await waitFor(slotIsFree, { what: 'the slot to be let go', timeoutMs: TIMEOUT_MS });
  }
  await applyConnector({ url }, { name, config });
  if (known.includes(name)) await send(url, 'PUT', `/${name}/resume`);
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
 * @param from the place must lie at this record of the WAL or behind it.
 */
export async function streamIsStored(url: string, name: string, from = 0n): Promise<void> {
  const stored = async (): Promise<boolean> => {
    const offsets = await send(url, 'GET', `/${name}/offsets`);
    const lsn = /"lsn":(\d+)/.exec(offsets)?.[1];
    return lsn !== undefined && BigInt(lsn) >= from && !offsets.includes('snapshot');
  };
  await waitFor(stored, { what: `${name} to store its offsets`, timeoutMs: TIMEOUT_MS });
}

/** Removes every connector with what it remembers. */
export async function removeConnectors(url: string): Promise<void> {
  for (const name of await connectorNames(url)) {
    await stopConnector(url, name);
    // Its tasks may take a moment longer than the connector itself.
    const forgotten = async (): Promise<boolean> => {
      await send(url, 'DELETE', `/${name}/offsets`);
      return true;
    };
    await waitFor(forgotten, { what: `offsets of ${name} to go`, timeoutMs: TIMEOUT_MS });
    await removeConnector({ url }, name);
  }
}

async function connectorNames(url: string): Promise<string[]> {
  return Value.Parse(Type.Array(Type.String()), JSON.parse(await send(url, 'GET', '')));
}

async function stopConnector(url: string, name: string): Promise<void> {
  await send(url, 'PUT', `/${name}/stop`);
  const stopped = async (): Promise<boolean> => {
    const { connector, tasks } = await connectorStatus({ url }, name);
    return connector === 'STOPPED' && tasks.length === 0;
  };
  await waitFor(stopped, { what: `connector ${name} to stop`, timeoutMs: TIMEOUT_MS });
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
