/** `wick connector activate|status|remove`. */
import {
  applyConnector,
  connectorStatus,
  readConnectorFile,
  removeConnector,
} from '../../connectors/index.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { loadConfig } from '#platform/config.ts';
import type { JsonFlag } from '../wick.ts';

export async function activate(options: { readonly file: string }): Promise<void> {
  const config = loadConfig();
  const file = await readConnectorFile(options.file);
  const done = await applyConnector({ url: config.CONNECT_URL }, file);
  process.stdout.write(`connector ${file.name} ${done}\n`);
}

export async function status(options: JsonFlag): Promise<number> {
  const config = loadConfig();
  const found = await connectorStatus({ url: config.CONNECT_URL }, CONNECTOR_NAME);
  const running =
    found.connector === 'RUNNING' &&
    found.tasks.length > 0 &&
    found.tasks.every((state) => state === 'RUNNING');
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ name: CONNECTOR_NAME, ...found })}\n`);
  } else {
    process.stdout.write(
      `${CONNECTOR_NAME}: ${found.connector}, tasks: ${found.tasks.join(', ') || 'none'}` +
        `${found.failure === null ? '' : `\n${found.failure}`}\n`,
    );
  }
  return running ? 0 : 1;
}

export async function remove(): Promise<void> {
  const config = loadConfig();
  const removed = await removeConnector({ url: config.CONNECT_URL }, CONNECTOR_NAME);
  process.stdout.write(
    removed
      ? `connector ${CONNECTOR_NAME} removed; its slot and publication stay\n`
      : `connector ${CONNECTOR_NAME} was not there\n`,
  );
}
