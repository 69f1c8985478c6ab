/**
 * Whether a Postgres may be captured from: its WAL must not end before what was captured already. Versions
 * are places in the WAL, so rows of such a server would lose against older ones without a word. In: both
 * stores. Out: nothing, or an error that says what to do.
 */
import { knownSources, lookAtPostgres, type Source } from '../../connectors/index.ts';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { lsnText } from '#core/lsn.ts';
import { systemClock } from '#platform/clock.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';

/** The upper half of a version is a place in the WAL. */
const LSN_BITS = 64n;
/** Of a record: the highest of the lower half is a mark. */
const RECORD_BITS = 63;

/** @throws AppError WICK_CDC_SOURCE_OLDER where its WAL ends before a place that was captured or seen. */
export async function assertSourceNotOlder(
  pool: Pool,
  clickhouse: ClickHouseClient,
): Promise<Source> {
  const { source } = await lookAtPostgres(pool);
  const reached = await readReached(clickhouse);
  if (source.lsn >= reached) return source;
  throw new AppError(
    'WICK_CDC_SOURCE_OLDER',
    `The WAL of Postgres (system ${source.systemIdentifier}, timeline ${source.timeline}) ends at "${lsnText(source.lsn)}", but changes up to "${lsnText(reached)}" are stored: what this server writes would rank below them; point DB_HOST at the right server, or take this one on with "npm run wick -- epoch begin --yes", see docs/cdc-operations.md`,
  );
}

/**
 * The same, and it must be the server that is known: another one has not all that was captured before.
 * @throws AppError WICK_CDC_SOURCE_OLDER or WICK_CDC_SOURCE_CHANGED.
 */
export async function assertSameSource(pool: Pool, clickhouse: ClickHouseClient): Promise<void> {
  const source = await assertSourceNotOlder(pool, clickhouse);
  const known = await knownSources(clickhouse, systemClock).read();
  if (known === null) return;
  const { systemIdentifier, timeline } = known;
  if (systemIdentifier === source.systemIdentifier && timeline === source.timeline) return;
  throw new AppError(
    'WICK_CDC_SOURCE_CHANGED',
    `Postgres is system "${source.systemIdentifier}", timeline ${source.timeline}; changes were captured from "${systemIdentifier}", timeline ${timeline}. If it is meant, "npm run wick -- connector recover --yes" takes it on and sends all rows once more; else point DB_HOST back`,
  );
}

/** The farthest place in the WAL that was captured or seen; 0 where there is none. */
export async function readReached(clickhouse: ClickHouseClient): Promise<bigint> {
  const known = await knownSources(clickhouse, systemClock).read();
  const [row] = await readRows<{ version: string }>(
    clickhouse,
    `select toString(max(version)) as version from ${CLICKHOUSE_TABLES.candleRevisions}`,
  );
  const version = BigInt(row?.version ?? '0');
  // The commit before the change, and the record of the change itself; beside it the mark of one that
  // overlaps a snapshot, see docs/decisions/016.
  const places = [known?.lsn ?? 0n, version >> LSN_BITS, BigInt.asUintN(RECORD_BITS, version)];
  return places.reduce((most, place) => (place > most ? place : most));
}
