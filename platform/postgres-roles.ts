/**
 * The login that change capture uses. In: an owner's connection, a role name, a password. Out: a
 * role that can replicate, read what is published, beat the heart and write signals, and nothing
 * else. The password reaches the server only as a SCRAM verifier: statements end up in logs.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { POSTGRES_SCHEMA } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';

export interface ChangeCaptureLogin {
  readonly cdcUser: string;
  readonly cdcPassword: string;
}

const SCRAM_ITERATIONS = 4096;
const SCRAM_KEY_BYTES = 32;
const SCRAM_SALT_BYTES = 16;

/** Roles belong to the whole server, so migrations of two databases can meet at one. */
const ROLE_ATTEMPTS_MAX = 10;
const ROLE_CLASH_CODES: readonly string[] = [
  '42710', // duplicate_object: another runner has just made it
  '23505', // unique_violation: the same, an instant earlier
  'XX000', // "tuple concurrently updated": another runner is changing it
];

/**
 * Makes or updates the role and sets its rights to exactly what change capture needs.
 * @throws AppError WICK_MIGRATION_FAILED when the role is the owner itself or can do more.
 */
export async function grantChangeCapture(
  client: pg.PoolClient,
  login: ChangeCaptureLogin,
): Promise<void> {
  await refuseOwner(client, login.cdcUser);
  for (let attempt = 1; ; attempt += 1) {
    await client.query('begin');
    try {
      await createOrUpdateRole(client, login);
      await setRights(client, login.cdcUser);
      await client.query('commit');
      return;
    } catch (error) {
      await client.query('rollback');
      const clash =
        error instanceof pg.DatabaseError && ROLE_CLASH_CODES.includes(error.code ?? '');
      if (!clash || attempt >= ROLE_ATTEMPTS_MAX) throw error;
    }
  }
}

async function refuseOwner(client: pg.PoolClient, cdcUser: string): Promise<void> {
  const found = await client.query<{ is_owner: boolean }>(
    'select current_user = $1::text as is_owner',
    [cdcUser],
  );
  if (found.rows[0]?.is_owner === true) {
    throw new AppError(
      'WICK_MIGRATION_FAILED',
      `CDC_USER "${cdcUser}" is the owner of the schema; give change capture a role of its own`,
    );
  }
}

async function createOrUpdateRole(client: pg.PoolClient, login: ChangeCaptureLogin): Promise<void> {
  const found = await client.query<{ powerful: boolean }>(
    `select rolsuper or rolcreatedb or rolcreaterole or rolbypassrls as powerful
     from pg_roles where rolname = $1::text`,
    [login.cdcUser],
  );
  if (found.rows[0]?.powerful === true) {
    throw new AppError(
      'WICK_MIGRATION_FAILED',
      `CDC_USER "${login.cdcUser}" exists and can do more than replicate; choose another name`,
    );
  }
  const verb = found.rowCount === 0 ? 'create' : 'alter';
  await client.query(
    `${verb} role ${pg.escapeIdentifier(login.cdcUser)} with login replication ` +
      `password ${pg.escapeLiteral(scramVerifier(login.cdcPassword))}`,
  );
}

/** Takes everything away first, so that a right which is no longer listed here is lost. */
async function setRights(client: pg.PoolClient, cdcUser: string): Promise<void> {
  const role = pg.escapeIdentifier(cdcUser);
  const schema = POSTGRES_SCHEMA;
  await client.query(`
    revoke all on all tables in schema ${schema} from ${role};
    revoke all on all sequences in schema ${schema} from ${role};
    revoke all on all functions in schema ${schema} from ${role};
    revoke all on schema ${schema} from ${role};
    grant usage on schema ${schema} to ${role};
    grant select on ${schema}.candles, ${schema}.gaps, ${schema}.funding_rates,
      ${schema}.anchors to ${role};
    grant select on ${schema}.heartbeat, ${schema}.cdc_signal to ${role};
    -- The heartbeat query upserts its one row.
    grant insert, update on ${schema}.heartbeat to ${role};
    -- An incremental snapshot opens and closes its windows by rows of the signal table.
    grant insert, delete on ${schema}.cdc_signal to ${role}`);
}

/** What Postgres itself would store for this password (RFC 5802, RFC 7677). */
function scramVerifier(password: string): string {
  const salt = randomBytes(SCRAM_SALT_BYTES);
  const salted = pbkdf2Sync(
    password.normalize('NFKC'),
    salt,
    SCRAM_ITERATIONS,
    SCRAM_KEY_BYTES,
    'sha256',
  );
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
