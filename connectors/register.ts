/**
 * The connector's life through Kafka Connect's REST: apply (idempotent), status, remove. In: the
 * committed connector file. Out: what Connect says, in words. Removing keeps slot and publication, and
 * Connect remembers the place in the WAL; forgetting leaves nothing with Connect.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { AppError, errorText } from '#core/errors.ts';
import {
  callConnect,
  CONNECT_TIMEOUT_MS,
  parseJsonOrNull,
  rejectedByConnect,
  type ConnectEndpoint,
} from './connect-rest.ts';

const ConnectorFile = Type.Object({
  name: Type.String({ minLength: 1 }),
  config: Type.Record(Type.String(), Type.String()),
});
export type ConnectorFile = Static<typeof ConnectorFile>;

const State = Type.Object({ state: Type.String(), trace: Type.Optional(Type.String()) });
const StatusBody = Type.Object({
  connector: State,
  tasks: Type.Array(State),
});

export interface ConnectorStatus {
  /** `absent` when Connect does not know it. */
  readonly connector: string;
  readonly tasks: readonly string[];
  /** First line of the newest task failure. */
  readonly failure: string | null;
}

const FORGET_POLL_MS = 200;

/** @throws AppError WICK_CONFIG_INVALID when the file is missing or not `{name, config}`. */
export async function readConnectorFile(path: string): Promise<ConnectorFile> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `"${path}" cannot be read as JSON: ${errorText(error)}`,
      { cause: error },
    );
  }
  if (!Value.Check(ConnectorFile, json)) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `"${path}" is not a connector file: it needs "name" and "config" with text values`,
    );
  }
  return json;
}

/**
 * Creates the connector or brings it to this configuration.
 * @returns what it did. @throws AppError WICK_CONNECTOR_REJECTED with Connect's reason.
 */
export async function applyConnector(
  endpoint: ConnectEndpoint,
  file: ConnectorFile,
): Promise<'created' | 'updated'> {
  const response = await callConnect(
    endpoint,
    'PUT',
    `/connectors/${encodeURIComponent(file.name)}/config`,
    file.config,
  );
  if (response.status === 201) return 'created';
  if (response.status === 200) return 'updated';
  throw rejectedByConnect('PUT', file.name, response);
}

export async function connectorStatus(
  endpoint: ConnectEndpoint,
  name: string,
): Promise<ConnectorStatus> {
  const response = await callConnect(
    endpoint,
    'GET',
    `/connectors/${encodeURIComponent(name)}/status`,
  );
  if (response.status === 404) return { connector: 'absent', tasks: [], failure: null };
  const body = response.status === 200 ? parseJsonOrNull(response.body) : null;
  if (!Value.Check(StatusBody, body)) throw rejectedByConnect('GET', name, response);
  const trace = body.tasks.find((task) => task.trace !== undefined)?.trace ?? body.connector.trace;
  return {
    connector: body.connector.state,
    tasks: body.tasks.map((task) => task.state),
    failure: trace?.split('\n', 1)[0] ?? null,
  };
}

/** Removes the connector; slot and publication stay. @returns false when it was not there. */
export async function removeConnector(endpoint: ConnectEndpoint, name: string): Promise<boolean> {
  const response = await callConnect(endpoint, 'DELETE', `/connectors/${encodeURIComponent(name)}`);
  if (response.status === 204) return true;
  if (response.status === 404) return false;
  throw rejectedByConnect('DELETE', name, response);
}

/**
 * Removes the connector with the place in the WAL that Connect keeps for its name: the next one takes
 * a snapshot. One that was removed before is made once more, stopped: only then Connect forgets.
 * @throws AppError WICK_CONNECTOR_REJECTED with Connect's reason.
 */
export async function forgetConnector(
  endpoint: ConnectEndpoint,
  file: ConnectorFile,
): Promise<void> {
  const path = `/connectors/${encodeURIComponent(file.name)}`;
  const stopped = await callConnect(endpoint, 'PUT', `${path}/stop`);
  if (stopped.status === 404) {
    const made = await callConnect(endpoint, 'POST', '/connectors', {
      ...file,
      initial_state: 'STOPPED',
    });
    if (made.status !== 201) throw rejectedByConnect('POST', file.name, made);
  } else if (stopped.status >= 300) {
    throw rejectedByConnect('PUT', file.name, stopped);
  }
  // Its tasks may take a moment longer than the connector itself.
  const deadline = performance.now() + (endpoint.timeoutMs ?? CONNECT_TIMEOUT_MS);
  for (;;) {
    const forgotten = await callConnect(endpoint, 'DELETE', `${path}/offsets`);
    if (forgotten.status === 200) break;
    if (performance.now() > deadline) throw rejectedByConnect('DELETE', file.name, forgotten);
    await delay(FORGET_POLL_MS);
  }
  await removeConnector(endpoint, file.name);
}

/** Restarts failed tasks, and the connector itself if it failed; running ones are left alone. */
export async function restartFailed(endpoint: ConnectEndpoint, name: string): Promise<void> {
  const path = `/connectors/${encodeURIComponent(name)}/restart?includeTasks=true&onlyFailed=true`;
  const response = await callConnect(endpoint, 'POST', path);
  if (response.status >= 300) throw rejectedByConnect('POST', name, response);
}
