/**
 * A moment at which Postgres and the WAL say the same. In: a pool. Out: a transaction that goes on seeing
 * that moment, and the WAL position L that belongs to it: of the changes of candles exactly those whose
 * record lies below L are in it. A lock holds all writers of candles off for the moment: whoever wrote
 * before has committed, whoever writes later begins behind L. It is let go at once; the sight stays.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { POSTGRES_SCHEMA } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { DatabaseError, type Pool, type PoolClient } from '#platform/postgres.ts';

export interface Barrier {
  /** Sees Postgres as it was; for one query after the other. */
  readonly client: PoolClient;
  /** L. */
  readonly lsn: bigint;
  /** Postgres' clock then, epoch ms. */
  readonly takenAtMs: number;
  /** Ends the transaction and gives the connection back. */
  close(): Promise<void>;
}

/**
 * How long writers may have to wait behind us, ms. Autovacuum gives way only after deadlock_timeout, which
 * is 1 s.
 */
const LOCK_WAIT_MS = 3_000;
const LOCK_ATTEMPTS_MAX = 5;
/** Between two attempts, so that those who waited behind us get through. */
const LOCK_REST_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** @throws AppError WICK_BUSY when a writer holds its transaction open all the time. */
export async function takeBarrier(pool: Pool, lockWaitMs = LOCK_WAIT_MS): Promise<Barrier> {
  const client = await pool.connect();
  try {
    // The sight is that of the first query behind the lock, not of "begin".
    await client.query('begin isolation level repeatable read read only');
    await client.query(`set local lock_timeout = ${lockWaitMs}`);
    for (let attempt = 1; ; attempt += 1) {
      const moment = await lockedMoment(client);
      if (moment !== null) return { client, ...moment, close: () => end(client) };
      if (attempt === LOCK_ATTEMPTS_MAX) throw neverFree(lockWaitMs);
      await delay(LOCK_REST_MS);
    }
  } catch (error) {
    await end(client);
    throw error;
  }
}

/** Null when the lock was not to be had in time. */
async function lockedMoment(
  client: PoolClient,
): Promise<Pick<Barrier, 'lsn' | 'takenAtMs'> | null> {
  await client.query('savepoint before_lock');
  try {
    // With all partitions: a writer may name one of them.
    await client.query(`lock table ${POSTGRES_SCHEMA}.candles in share mode`);
    const { rows } = await client.query<{ lsn: string; at: string }>(
      `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as lsn,
              floor(extract(epoch from clock_timestamp()) * 1000)::bigint::text as at`,
    );
    const [row] = rows;
    if (row === undefined) throw new Error('Postgres does not tell where its WAL ends');
    return { lsn: BigInt(row.lsn), takenAtMs: Number(row.at) };
  } catch (error) {
    if (error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE) return null;
    throw error;
  } finally {
    // Lets go of the lock; what a repeatable read saw first is what it sees to its end.
    await client.query('rollback to savepoint before_lock');
  }
}

async function end(client: PoolClient): Promise<void> {
  let broken: Error | undefined;
  await client.query('rollback').catch((error: Error) => {
    broken = error;
  });
  client.release(broken);
}

function neverFree(lockWaitMs: number): AppError {
  return new AppError(
    'WICK_BUSY',
    `${POSTGRES_SCHEMA}.candles was never free of writers within ${lockWaitMs} ms, ` +
      `${LOCK_ATTEMPTS_MAX} times; end the transaction that holds it (pg_stat_activity), and try again`,
    { retryable: true },
  );
}
