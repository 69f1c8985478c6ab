/** `wick connector recover`: says what is wrong with change capture, and with --yes makes it anew. */
import { join } from 'node:path';
import {
  judge,
  knownSources,
  lookAround,
  readConnectorFile,
  type CaptureFinding,
  type ConnectEndpoint,
} from '../../connectors/index.ts';
import { AppError } from '#core/errors.ts';
import { systemClock } from '#platform/clock.ts';
import type { Config } from '#platform/config.ts';
import { createKafka } from '#platform/kafka.ts';
import { withCaptureStores, type CaptureStores } from '../pipeline/capture-stores.ts';
import { createCommandLogger } from '../pipeline/command-logger.ts';
import { recoverCapture, type Recovery } from '../pipeline/recover.ts';
import { commandConfig } from './command-config.ts';
import type { JsonFlag } from './flags.ts';

export interface RecoverFlags extends JsonFlag {
  readonly yes?: boolean;
}

const CONNECTOR_FILE = join(import.meta.dirname, '..', '..', 'pg-connector.json');

export async function recover(options: RecoverFlags): Promise<void> {
  const config = commandConfig();
  const endpoint = { url: config.CONNECT_URL };
  await withCaptureStores(config, async (stores) => {
    const findings = await findingsOf(stores, endpoint);
    for (const { what } of findings) process.stderr.write(`found: ${what}\n`);
    if (findings.length === 0)
      process.stderr.write('found: nothing is wrong with change capture\n');
    if (options.yes !== true) {
      throw new AppError(
        'WICK_USAGE',
        'This removes the connector and its slot, makes new ones and sends every captured row once more, while the pipeline goes on; say so with --yes',
      );
    }
    const recovery = await withTopics(config, (topics) =>
      recoverWith({ config, stores, endpoint, topics }),
    );
    const found = findings.map(({ kind, what }) => ({ kind, what }));
    process.stdout.write(
      options.json === true ? `${JSON.stringify({ found, ...recovery })}\n` : describe(recovery),
    );
  });
}

async function findingsOf(
  { pool, clickhouse }: CaptureStores,
  endpoint: ConnectEndpoint,
): Promise<readonly CaptureFinding[]> {
  const look = await lookAround(pool, endpoint, (_store, error) => {
    throw error;
  });
  return judge(look, await knownSources(clickhouse, systemClock).read());
}

interface Recovering {
  readonly config: Config;
  readonly stores: CaptureStores;
  readonly endpoint: ConnectEndpoint;
  readonly topics: Parameters<typeof recoverCapture>[0]['topics'];
}

async function recoverWith({ stores, endpoint, topics }: Recovering): Promise<Recovery> {
  return recoverCapture({
    ...stores,
    topics,
    endpoint,
    file: await readConnectorFile(CONNECTOR_FILE),
    clock: systemClock,
    say: (line) => process.stderr.write(`${line}\n`),
  });
}

async function withTopics<T>(
  config: Config,
  work: (topics: Recovering['topics']) => Promise<T>,
): Promise<T> {
  const kafka = createKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: 'wickstream-recover',
    logger: createCommandLogger(config),
  });
  const admin = kafka.admin({ retry: { retries: 1 } });
  await admin.connect();
  try {
    return await work({ kafka, admin });
  } finally {
    await admin.disconnect();
  }
}

function describe({ snapshot, rows }: Recovery): string {
  const sent = Object.entries(rows).map(([table, count]) => `${table} ${count}`);
  return (
    `recovered   a new slot, and all rows sent once more by snapshot ${snapshot}\n` +
    `rows        ${sent.join(', ')}\n` +
    `next        "npm run wick -- reconcile": what was deleted while nobody captured is in no row; --repair heals it\n`
  );
}
