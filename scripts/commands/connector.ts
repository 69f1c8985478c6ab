/** `wick connector activate|status|remove`. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  applyConnector,
  connectorStatus,
  forgetConnector,
  readConnectorFile,
  removeConnector,
  restartFailed,
  type ConnectorFile,
} from '../../connectors/index.ts';
import { CONNECTOR_NAME, REPLICATION_SLOT } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { Config } from '#platform/config.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import type { JsonFlag } from './flags.ts';
import { commandConfig } from './command-config.ts';

const SLOT_TIMEOUT_MS = 30_000;
const SLOT_POLL_MS = 200;
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
    await dropSlot(config);
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

/** The connector is gone, but Postgres may take a moment to notice that its reader is. */
async function dropSlot(config: Config): Promise<void> {
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-connector'));
  const deadline = performance.now() + SLOT_TIMEOUT_MS;
  try {
    for (;;) {
      await pool.query(
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots
         where slot_name = $1::name and not active`,
        [REPLICATION_SLOT],
      );
      const left = await pool.query<{ pid: number | null }>(
        'select active_pid as pid from pg_replication_slots where slot_name = $1::name',
        [REPLICATION_SLOT],
      );
      const [slot] = left.rows;
      if (slot === undefined) return;
      if (performance.now() > deadline) {
        throw new AppError(
          'WICK_CONNECTOR_REJECTED',
          `The slot "${REPLICATION_SLOT}" is still read by process ${slot.pid ?? 'unknown'} of Postgres; stop that reader and run the command again`,
        );
      }
      await delay(SLOT_POLL_MS);
    }
  } finally {
    await pool.end();
  }
}
