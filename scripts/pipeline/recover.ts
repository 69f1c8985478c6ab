/**
 * Brings change capture back when its slot is of no use any more. In: clients, the connector file. Out: a
 * new slot, and all captured rows sent once more behind what was streamed before. The first snapshot is
 * left out: the rows of an incremental one carry their place in the stream, so that they win over what came
 * before and lose to what comes after, and the stream goes on meanwhile. Deletes that nobody captured are
 * not in any row: `wick reconcile --repair` finds them.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  applyConnector,
  connectorStatus,
  forgetConnector,
  knownSources,
  lookAtPostgres,
  readStoredPlace,
  untilSnapshotEnds,
  type ConnectorFile,
  type ConnectEndpoint,
  type TopicAccess,
} from '../../connectors/index.ts';
import { CAPTURED_TABLES, POSTGRES_SCHEMA } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { assertSourceNotOlder } from './change-source.ts';
import { dropSlot, untilSlotIsRead } from './replication-slot.ts';

export interface RecoverOptions {
  readonly pool: Pool;
  readonly clickhouse: ClickHouseClient;
  readonly topics: TopicAccess;
  readonly endpoint: ConnectEndpoint;
  readonly file: ConnectorFile;
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

export interface Recovery {
  /** Of the signal that asked for the rows. */
  readonly snapshot: string;
  /** Rows that were sent again, by table. */
  readonly rows: Readonly<Record<string, number>>;
}

const RUNNING_TIMEOUT_MS = 60_000;
/** The heartbeat writes each 5 s, and Connect stores each second. */
const STORED_TIMEOUT_MS = 60_000;
const POLL_MS = 200;

/**
 * May be run again at any point where it failed.
 * @throws AppError with what did not work; WICK_CDC_SOURCE_OLDER before anything is touched.
 */
export async function recoverCapture(options: RecoverOptions): Promise<Recovery> {
  const { pool, clickhouse, endpoint, file, say, clock } = options;
  await assertSourceNotOlder(pool, clickhouse);
  const known = knownSources(clickhouse, clock);
  const before = await lookAtPostgres(pool);
  // Whatever ends this half-way: the alarm stands until the rows were sent.
  await known.keep({ ...before.source, lostAt: clock.now(), recoveredAt: 0 });
  say('removing the connector with the place that Connect remembers');
  await forgetConnector(endpoint, file);
  say('dropping the slot');
  await dropSlot(pool);
  say('registering the connector without a first snapshot; it makes a new slot');
  await applyConnector(endpoint, {
    ...file,
    config: { ...file.config, 'snapshot.mode': 'no_data' },
  });
  await untilRunning(options);
  await untilSlotIsRead(pool);
  // Only behind a commit of the stream the rows of a snapshot have a place in it.
  await untilStored(options, 0n);
  const askedAt = clock.now();
  const snapshot = `recover-${randomUUID().slice(0, 23)}`;
  const rows = await sendAllAgain(options, snapshot);
  // With a place behind the snapshot neither Connect's death nor the next line takes it again.
  const { source } = await lookAtPostgres(pool);
  await untilStored(options, source.lsn);
  say('registering the connector as its file says');
  await applyConnector(endpoint, file);
  await untilRunning(options);
  await untilSlotIsRead(pool);
  // What was lost since it was asked for is not in it.
  const { lostAt = 0 } = (await known.read()) ?? {};
  await known.keep({ ...source, lostAt: lostAt > askedAt ? lostAt : 0, recoveredAt: askedAt });
  return { snapshot, rows: Object.fromEntries(rows) };
}

async function sendAllAgain(
  { pool, topics, say }: RecoverOptions,
  id: string,
): Promise<ReadonlyMap<string, number>> {
  const tables = await listFilledTables(pool);
  if (tables.length === 0) return new Map();
  say(`asking for all rows of ${tables.join(', ')} once more, snapshot ${id}`);
  await pool.query(
    `insert into ${POSTGRES_SCHEMA}.cdc_signal (id, type, data)
     values ($1::text, 'execute-snapshot', $2::text)`,
    [id, JSON.stringify({ type: 'incremental', 'data-collections': tables })],
  );
  return untilSnapshotEnds(topics, id, say);
}

/** The scan of an empty table is told as one that lost its rows. */
async function listFilledTables(pool: Pool): Promise<readonly string[]> {
  const filled: string[] = [];
  for (const table of CAPTURED_TABLES) {
    const name = `${POSTGRES_SCHEMA}.${table}`;
    const { rowCount } = await pool.query(`select 1 from ${name} limit 1`);
    if (rowCount === 1) filled.push(name);
  }
  return filled;
}

async function untilRunning({ endpoint, file }: RecoverOptions): Promise<void> {
  await until(RUNNING_TIMEOUT_MS, async () => {
    const { connector, tasks, failure } = await connectorStatus(endpoint, file.name);
    const states = [connector, ...tasks];
    if (tasks.length > 0 && states.every((state) => state === 'RUNNING')) return null;
    return `the connector does not run (${states.join(', ')}): ${failure ?? 'no reason given'}`;
  });
}

/** @param lsn the place that must be stored, or one behind it. */
async function untilStored({ endpoint, file }: RecoverOptions, lsn: bigint): Promise<void> {
  await until(STORED_TIMEOUT_MS, async () => {
    const stored = await readStoredPlace(endpoint, file.name);
    const isThere = stored?.isCommitted === true && stored.lsn >= lsn;
    return isThere ? null : 'Connect stores no place in the stream';
  });
}

/** @param problem null once it is over. */
async function until(timeoutMs: number, problem: () => Promise<string | null>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await problem();
    if (found === null) return;
    if (performance.now() > deadline) {
      throw new AppError(
        'WICK_CONNECTOR_REJECTED',
        `After ${timeoutMs / 1_000} s ${found}; see the log of Kafka Connect, then run the command again`,
        { retryable: true },
      );
    }
    await delay(POLL_MS);
  }
}
