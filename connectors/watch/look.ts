/**
 * One look at change capture. In: Postgres as the owner of the schema sees it, Kafka Connect's REST. Out:
 * the slot, the server behind it, the connector and the place that Connect remembers. Reads only. The slot
 * is read before the place: what Postgres was told to forget must have been stored before.
 */
import { AppError } from '#core/errors.ts';
import { CONNECTOR_NAME, REPLICATION_SLOT } from '#core/contracts/names.ts';
import type { Pool } from '#platform/postgres.ts';
import type { ConnectEndpoint } from '../connect-rest.ts';
import { connectorStatus, type ConnectorStatus } from '../register.ts';
import { readStoredPlace, type StoredPlace } from '../stored-place.ts';

/** A Postgres server, and how far its WAL has come. */
export interface Source {
  /** Made by initdb; a restored backup has that of the server it was taken from. */
  readonly systemIdentifier: string;
  /** Rises when a standby is promoted or a backup is recovered to a point. */
  readonly timeline: number;
  /** The end of its WAL on disk, which no crash takes back. */
  readonly lsn: bigint;
}

export interface Slot {
  /** Somebody reads it. */
  readonly active: boolean;
  /** Up to here nothing will be sent again; null while it is being made. */
  readonly confirmedLsn: bigint | null;
  /** Why Postgres gave it up, WAL that nobody had read with it; null while it is good. */
  readonly lost: string | null;
  /** WAL kept for it, bytes. */
  readonly retainedBytes: number;
  /** WAL that is not confirmed yet, bytes. */
  readonly lagBytes: number;
  /** WAL that may still be written before the slot is given up, bytes; null where nothing limits it. */
  readonly safeBytes: number | null;
}

export interface PostgresLook {
  readonly source: Source;
  /** Null where the slot does not exist. */
  readonly slot: Slot | null;
}

export interface ConnectLook {
  readonly connector: ConnectorStatus;
  /** Null where Connect remembers none. */
  readonly stored: StoredPlace | null;
}

/** What is there; a half is null when its store did not answer. */
export interface Look {
  readonly postgres: PostgresLook | null;
  readonly connect: ConnectLook | null;
}

/** Longest wait for Postgres, ms: one that was stopped by a signal answers nothing at all. */
const POSTGRES_MS_MAX = 10_000;

interface Row {
  readonly system: string;
  readonly timeline: number;
  readonly lsn: string;
  readonly slot: string | null;
  readonly active: boolean | null;
  readonly confirmed: string | null;
  readonly lost: string | null;
  readonly retained: string | null;
  readonly lag: string | null;
  readonly safe: string | null;
}

/** @throws the driver's error where Postgres does not answer. */
export async function lookAtPostgres(pool: Pick<Pool, 'query'>): Promise<PostgresLook> {
  const { rows } = await pool.query<Row>(
    `select control.system_identifier::text as system,
            ('x' || substr(pg_walfile_name(wal.lsn), 1, 8))::bit(32)::integer as timeline,
            (wal.lsn - '0/0'::pg_lsn)::text as lsn,
            slot.slot_name as slot, slot.active,
            (slot.confirmed_flush_lsn - '0/0'::pg_lsn)::text as confirmed,
            coalesce(slot.invalidation_reason,
                     case when slot.wal_status = 'lost' then 'lost' end) as lost,
            (wal.lsn - slot.restart_lsn)::text as retained,
            (wal.lsn - slot.confirmed_flush_lsn)::text as lag,
            slot.safe_wal_size::text as safe
     from pg_control_system() as control
     cross join (select pg_current_wal_flush_lsn() as lsn) as wal
     left join pg_replication_slots as slot on slot.slot_name = $1::name`,
    [REPLICATION_SLOT],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres does not tell what server it is');
  const source = {
    systemIdentifier: row.system,
    timeline: row.timeline,
    lsn: BigInt(row.lsn),
  };
  return { source, slot: row.slot === null ? null : slotOf(row) };
}

function slotOf(row: Row): Slot {
  return {
    active: row.active === true,
    confirmedLsn: row.confirmed === null ? null : BigInt(row.confirmed),
    lost: row.lost,
    retainedBytes: Number(row.retained ?? 0),
    lagBytes: Number(row.lag ?? 0),
    safeBytes: row.safe === null ? null : Number(row.safe),
  };
}

/** @throws AppError WICK_CONNECTOR_UNREACHABLE or WICK_CONNECTOR_REJECTED. */
export async function lookAtConnect(endpoint: ConnectEndpoint): Promise<ConnectLook> {
  const connector = await connectorStatus(endpoint, CONNECTOR_NAME);
  const stored =
    connector.connector === 'absent' ? null : await readStoredPlace(endpoint, CONNECTOR_NAME);
  return { connector, stored };
}

/** Looks at both; a store that does not answer leaves its half out, and says why. */
export async function lookAround(
  pool: Pick<Pool, 'query'>,
  endpoint: ConnectEndpoint,
  onSilent: (store: 'postgres' | 'connect', error: unknown) => void,
): Promise<Look> {
  const postgres = await within(POSTGRES_MS_MAX, lookAtPostgres(pool)).catch((error: unknown) => {
    onSilent('postgres', error);
    return null;
  });
  const connect = await lookAtConnect(endpoint).catch((error: unknown) => {
    // A bug of ours is not Connect's silence.
    if (!(error instanceof AppError)) throw error;
    onSilent('connect', error);
    return null;
  });
  return { postgres, connect };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
