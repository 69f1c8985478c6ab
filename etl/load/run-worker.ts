/**
 * Proof that a process lives which has opened runs. In: the pool that it stores through. Out: a session
 * that holds the advisory lock of the process' worker name. Runs are opened on that very session, so
 * none is ever open whose lock was not held; when the process dies in any way, Postgres frees the lock,
 * and whoever opens runs next, or the scheduler, closes what is left. A session that was lost is
 * followed by another one under another name: the runs of the lost one may be closed by anybody, and
 * then their next batch is refused.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { ADVISORY_LOCKS } from '#core/contracts/names.ts';
import type { Pool, Session } from '#platform/postgres.ts';
import { abandonDeadRuns } from './abandon-runs.ts';

export interface RunWorker {
  /** host:pid:random. */
  readonly name: string;
  /** Holds the lock of that name. */
  readonly session: Session;
}

/** By pool: what a process stores through is what it opens its runs through. */
const workers = new WeakMap<Pool, Promise<RunWorker>>();
/** Sessions lost one after another before it is given up. */
const LOST_MAX = 3;
/** Names are hashed to 32 bits, so one may be taken. */
const NAMES_TRIED_MAX = 5;

const LOCK = 'select pg_try_advisory_lock($1::integer, hashtext($2::text)) as taken';

/**
 * The worker of a pool. It is made with the first call, and again after its session was lost; what dead
 * processes left running is closed each time.
 * @throws what the connection throws.
 */
export async function runWorkerOf(pool: Pool): Promise<RunWorker> {
  for (let lost = 0; lost < LOST_MAX; lost += 1) {
    const known = workers.get(pool) ?? begin(pool);
    workers.set(pool, known);
    const worker = await known.catch((error: unknown) => {
      forget(pool, known);
      throw error;
    });
    if (worker.session.isOpen()) return worker;
    forget(pool, known);
  }
  throw new Error(`Postgres ended ${LOST_MAX} sessions as soon as they were opened`);
}

/** Unless another caller has begun the next one meanwhile. */
function forget(pool: Pool, worker: Promise<RunWorker>): void {
  if (workers.get(pool) === worker) workers.delete(pool);
}

async function begin(pool: Pool): Promise<RunWorker> {
  const session = await pool.openSession();
  try {
    const name = await takeName(session);
    await abandonDeadRuns(pool);
    return { name, session };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function takeName(session: Session): Promise<string> {
  for (let tried = 0; tried < NAMES_TRIED_MAX; tried += 1) {
    const name = `${hostname()}:${process.pid}:${randomBytes(6).toString('hex')}`;
    const { rows } = await session.query<{ taken: boolean }>(LOCK, [ADVISORY_LOCKS.worker, name]);
    if (rows[0]?.taken === true) return name;
  }
  throw new Error(`the locks of ${NAMES_TRIED_MAX} names in a row were taken`);
}
