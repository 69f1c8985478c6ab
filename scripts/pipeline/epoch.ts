/**
 * Begins a new epoch: lifts the WAL of a Postgres above every place that was captured before. In: a restored
 * or new server, the place that was reached. Out: its WAL ends behind that place, so whatever it writes ranks
 * above all that is stored. It needs no number beside the WAL's own: switching to the next segment moves the
 * end of the WAL by 16 MiB and writes hardly anything. Postgres itself goes on meanwhile.
 */
import { AppError } from '#core/errors.ts';
import { lsnText } from '#core/lsn.ts';
import { lookAtPostgres } from '../../connectors/index.ts';
import type { Pool } from '#platform/postgres.ts';

/** Farther than this is a job for pg_resetwal: each 16 MiB costs one file that is written. */
const LIFT_BYTES_MAX = 256n * 1024n * 1024n * 1024n;
/** The end of the WAL is told so often, in switches. */
const TELL_EVERY = 256;

/**
 * @param reached the farthest place of the WAL before.
 * @returns the end of the WAL, which lies behind it.
 * @throws AppError WICK_CDC_SOURCE_OLDER where it is too far to lift.
 */
export async function liftWal(
  pool: Pool,
  reached: bigint,
  say: (line: string) => void,
): Promise<bigint> {
  let { source } = await lookAtPostgres(pool);
  const distance = reached - source.lsn;
  if (distance > LIFT_BYTES_MAX) throw tooFar(source.lsn, reached);
  for (let switches = 0; source.lsn <= reached; switches += 1) {
    if (switches % TELL_EVERY === 0) {
      say(`the WAL ends at ${lsnText(source.lsn)}, lifting it above ${lsnText(reached)}`);
    }
    // Without a record in between a switch does nothing.
    await pool.query(`select pg_logical_emit_message(false, 'wickstream', 'epoch')`);
    await pool.query('select pg_switch_wal()');
    const before = source.lsn;
    ({ source } = await lookAtPostgres(pool));
    if (source.lsn <= before) {
      throw new Error(`the WAL stays at ${lsnText(before)} though it was switched`);
    }
  }
  return source.lsn;
}

function tooFar(lsn: bigint, reached: bigint): AppError {
  return new AppError(
    'WICK_CDC_SOURCE_OLDER',
    `The WAL of Postgres ends at "${lsnText(lsn)}" and has to be lifted above "${lsnText(reached)}", more than ${LIFT_BYTES_MAX >> 30n} GiB; stop Postgres cleanly and use "pg_resetwal --next-wal-file", see docs/cdc-operations.md under "Another Postgres"`,
  );
}
