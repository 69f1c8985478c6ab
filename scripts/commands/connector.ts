/** `wick connector activate|status|remove`. */
import { join } from 'node:path';
import {
  applyConnector,
  connectorStatus,
  forgetConnector,
  knownSources,
  lookAtPostgres,
  readConnectorFile,
  removeConnector,
  restartFailed,
  type ConnectorFile,
} from '../../connectors/index.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import { systemClock } from '#platform/clock.ts';
import { withCaptureStores } from '../pipeline/capture-stores.ts';
import { assertSameSource } from '../pipeline/change-source.ts';
import { dropSlot } from '../pipeline/replication-slot.ts';
import type { JsonFlag } from './flags.ts';
import { commandConfig } from './command-config.ts';

const CONNECTOR_FILE = join(import.meta.dirname, '..', '..', 'pg-connector.json');

async function readFileOf(path: string): Promise<ConnectorFile> {
  return readConnectorFile(path).catch((error: unknown) => {
    if (error instanceof AppError) throw error;
    throw new AppError(
      'WICK_USAGE',
      `"${path}" cannot be read as a connector file: ${errorText(error)}; give one with --file`,
      { cause: error },
    );
  });
}

export async function activate(options: { readonly file?: string }): Promise<void> {
  const config = commandConfig();
  const file = await readFileOf(options.file ?? CONNECTOR_FILE);
  const endpoint = { url: config.CONNECT_URL };
  await withCaptureStores(config, ({ pool, clickhouse }) => assertSameSource(pool, clickhouse));
  const done = await applyConnector(endpoint, file);
  // Connect leaves a failed task alone when its configuration is the same.
  if (done === 'updated') await restartFailed(endpoint, file.name);
  process.stdout.write(`connector ${file.name} ${done}\n`);
}

export async function status(options: JsonFlag): Promise<number> {
  const config = commandConfig();
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

export async function remove(options: { readonly forget?: boolean }): Promise<void> {
  const config = commandConfig();
  const endpoint = { url: config.CONNECT_URL };
  if (options.forget === true) {
    await forgetConnector(endpoint, await readFileOf(CONNECTOR_FILE));
    await withCaptureStores(config, async ({ pool, clickhouse }) => {
      await dropSlot(pool);
      // The snapshot that the next one takes makes good what was lost.
      const { source } = await lookAtPostgres(pool);
      const known = knownSources(clickhouse, systemClock);
      await known.keep({ ...source, lostAt: 0, recoveredAt: systemClock.now() });
    });
    process.stdout.write(
      `connector ${CONNECTOR_NAME} removed with its slot and its place in the WAL; the next one takes a new snapshot\n`,
    );
    return;
  }
  const removed = await removeConnector(endpoint, CONNECTOR_NAME);
  process.stdout.write(
    removed
      ? `connector ${CONNECTOR_NAME} removed; its slot and publication stay\n`
      : `connector ${CONNECTOR_NAME} was not there\n`,
  );
}
