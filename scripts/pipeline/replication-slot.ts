/** The replication slot as commands handle it. In: a pool of the owner's. Out: it is gone, or it is read. */
import { setTimeout as delay } from 'node:timers/promises';
import { REPLICATION_SLOT } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import type { Pool } from '#platform/postgres.ts';

const TIMEOUT_MS = 30_000;
/** A connector makes its slot once no older transaction is open. */
const READ_TIMEOUT_MS = 120_000;
const POLL_MS = 200;

/**
 * Drops it where it exists. The connector is gone, but Postgres may take a moment to notice.
 * @throws AppError WICK_CONNECTOR_REJECTED where somebody goes on reading it.
 */
export async function dropSlot(pool: Pool): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    await pool.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots
       where slot_name = $1::name and not active`,
      [REPLICATION_SLOT],
    );
    const slot = await readSlot(pool);
    if (slot === null) return;
    if (performance.now() > deadline) {
      throw new AppError(
        'WICK_CONNECTOR_REJECTED',
        `The slot "${REPLICATION_SLOT}" is still read by process ${slot.pid ?? 'unknown'} of Postgres; stop that reader and run the command again`,
      );
    }
    await delay(POLL_MS);
  }
}

/** Waits until somebody reads it. @throws AppError WICK_CONNECTOR_REJECTED where nobody comes. */
export async function untilSlotIsRead(pool: Pool): Promise<void> {
  const deadline = performance.now() + READ_TIMEOUT_MS;
  for (;;) {
    const slot = await readSlot(pool);
    if (slot?.active === true) return;
    if (performance.now() > deadline) {
      throw new AppError(
        'WICK_CONNECTOR_REJECTED',
        `Nobody reads the slot "${REPLICATION_SLOT}" after ${READ_TIMEOUT_MS / 1_000} s; a transaction that is open for long keeps it from being made (pg_stat_activity), see the log of Kafka Connect`,
      );
    }
    await delay(POLL_MS);
  }
}

async function readSlot(
  pool: Pool,
): Promise<{ readonly active: boolean; readonly pid: number | null } | null> {
  const { rows } = await pool.query<{ active: boolean; pid: number | null }>(
    'select active, active_pid as pid from pg_replication_slots where slot_name = $1::name',
    [REPLICATION_SLOT],
  );
  return rows[0] ?? null;
}
