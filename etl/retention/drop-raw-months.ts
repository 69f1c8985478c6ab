/**
 * Drops whole months of raw payloads. In: a moment. Out: which months went, and from when on payloads
 * are kept. A month is taken off its table and then dropped, so that nobody who reads or writes the
 * others waits. It may be killed at any line: a month that was marked and taken off is dropped by the
 * next call. Only a month whose last moment is old enough goes.
 */
import { epochMs, type EpochMs } from '#core/time.ts';
import type { Pool, PoolClient } from '#platform/postgres.ts';

export interface RawMonths {
  /** Names of dropped tables, oldest first. */
  readonly dropped: readonly string[];
  /** Start of the oldest month that is kept; null where there is none. */
  readonly keptFrom: EpochMs | null;
}

/** Waits for a lock at most this long; who wants the table is not to queue up behind us. */
const LOCK_MS_MAX = 5_000;
/** Readers of the month are waited for at most this long; the next call finishes what is left. */
const STATEMENT_MS_MAX = 60_000;
/** Says which of the tables beside their parent are ours to drop. */
const MARK = 'to be dropped: its retention is over';

const MONTHS = `
  select c.relname as name, c.relispartition as attached,
    coalesce(i.inhdetachpending, false) as detaching
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  left join pg_inherits as i
    on i.inhrelid = c.oid and i.inhparent = 'market.raw_payloads'::regclass
  where n.nspname = 'market' and c.relkind = 'r' and c.relname ~ '^raw_payloads_[0-9]{4}_[0-9]{2}$'
    and (c.relispartition or obj_description(c.oid, 'pg_class') = $1::text)
  order by c.relname`;

interface Month {
  readonly name: string;
  readonly attached: boolean;
  readonly detaching: boolean;
}

/** @param before payloads that were fetched before it may go. */
export async function dropRawMonths(pool: Pool, before: EpochMs): Promise<RawMonths> {
  const { rows } = await pool.query<Month>(MONTHS, [MARK]);
  const old = rows.filter(({ name }) => startOf(name, 1) <= before);
  const kept = rows.find((month) => month.attached && !old.includes(month));
  const keptFrom = kept === undefined ? null : startOf(kept.name);
  if (old.length === 0) return { dropped: [], keptFrom };
  const client = await pool.connect();
  try {
    await client.query(`set lock_timeout = ${LOCK_MS_MAX}`);
    await client.query(`set statement_timeout = ${STATEMENT_MS_MAX}`);
    for (const month of old) await drop(client, month);
  } finally {
    // With its timeouts it is of no use to anybody else.
    client.release(true);
  }
  return { dropped: old.map(({ name }) => name), keptFrom };
}

/** Each statement on its own: taking a month off without blocking cannot be part of a transaction. */
async function drop(client: PoolClient, { name, attached, detaching }: Month): Promise<void> {
  if (attached) {
    await client.query(`comment on table market.${name} is '${MARK}'`);
    const how = detaching ? 'finalize' : 'concurrently';
    try {
      await client.query(`alter table market.raw_payloads detach partition market.${name} ${how}`);
    } catch (error) {
      // Left as it was: who takes it off by hand keeps it.
      await client.query(`comment on table market.${name} is null`);
      throw error;
    }
  }
  await client.query(`drop table market.${name}`);
}

/** @param later months to go on. */
function startOf(name: string, later = 0): EpochMs {
  const [year, month] = name.slice('raw_payloads_'.length).split('_');
  return epochMs(Date.UTC(Number(year), Number(month) - 1 + later, 1));
}
