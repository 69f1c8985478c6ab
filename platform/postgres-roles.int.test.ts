/** What the change capture login may and may not do, tried as that login. */
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { PUBLICATION } from '#core/contracts/names.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { migratePostgres } from './migrate-postgres.ts';
import type { Pool } from './postgres.ts';

const database = usePostgres();
const LOGIN = { cdcUser: 'wick test "role"', cdcPassword: `p'w "\\ ü` };
const asLogin = () => ({ user: LOGIN.cdcUser, password: LOGIN.cdcPassword });

let cdc: Pool;

beforeAll(async () => {
  await migratePostgres(database.pool, LOGIN);
  cdc = database.createPool(asLogin());
});

describe('the login may', () => {
  test.each([
    'select * from market.candles',
    'select * from market.gaps',
    'select * from market.funding_rates',
    'select * from market.anchors',
    'select * from market.heartbeat',
    'select * from market.cdc_signal',
    `insert into market.heartbeat (id, beat_at) values (1, now())
     on conflict (id) do update set beat_at = excluded.beat_at`,
    'update market.heartbeat set beat_at = now() where id = 1',
    `insert into market.cdc_signal (id, type, data) values ('a', 'execute-snapshot', '{}')`,
    `delete from market.cdc_signal where id = 'a'`,
    `select pg_create_logical_replication_slot('wick_roles', 'pgoutput')`,
    `select pg_drop_replication_slot('wick_roles')`,
  ])('%s', async (sql) => {
    await expect(cdc.query(sql)).resolves.toBeDefined();
  });
});

describe('the login may not', () => {
  test.each([
    `insert into market.candles (exchange) values ('x')`,
    'update market.candles set open = 1',
    'delete from market.candles',
    'truncate market.candles',
    `update market.gaps set cause = 'repaired'`,
    'delete from market.gaps',
    'update market.funding_rates set rate = 0',
    'delete from market.funding_rates',
    'update market.anchors set anchor = now()',
    'select * from market.raw_payloads',
    'select * from market.ingest_runs',
    'select * from market.quarantine',
    'select * from market.symbols',
    'select * from market.schema_migrations',
    'select * from market.futures_candles',
    'update market.cdc_signal set data = null',
    'delete from market.heartbeat',
    `select market.ensure_month_partitions('candles', '{2025-01-01}')`,
    'create table market.mine (id integer)',
    'create publication mine for table market.candles',
    'create role mine',
    'select rolpassword from pg_authid',
  ])('%s', async (sql) => {
    await expect(cdc.query(sql)).rejects.toMatchObject({ code: '42501' });
  });

  test('change or drop the publication', async () => {
    await expect(cdc.query(`drop publication ${PUBLICATION}`)).rejects.toMatchObject({
      code: '42501',
    });
  });
});

test('a new password replaces the old one', async () => {
  const role = { cdcUser: 'wick_test_password', cdcPassword: 'old' };
  await migratePostgres(database.pool, role);
  await migratePostgres(database.pool, { ...role, cdcPassword: 'new' });
  const connect = async (password: string): Promise<void> => {
    const client = new pg.Client({ ...database.options, user: role.cdcUser, password });
    await client.connect();
    await client.end();
  };
  await expect(connect('old')).rejects.toMatchObject({ code: '28P01' });
  await expect(connect('new')).resolves.toBeUndefined();
});

test('a right given by hand is taken back', async () => {
  const role = { cdcUser: 'wick_test_narrowed', cdcPassword: 'x' };
  await migratePostgres(database.pool, role);
  await database.pool.query(`grant insert on market.candles to ${role.cdcUser}`);
  await migratePostgres(database.pool, role);
  const rights = await database.pool.query(
    `select has_table_privilege($1, 'market.candles', 'insert') as may`,
    [role.cdcUser],
  );
  expect(rights.rows).toEqual([{ may: false }]);
});

test('the owner is refused as change capture login, and keeps its password', async () => {
  const owner = { cdcUser: database.options.user, cdcPassword: 'overwritten' };
  await expect(migratePostgres(database.pool, owner)).rejects.toThrow(/is the owner of the schema/);
  await expect(database.createPool().query('select 1')).resolves.toBeDefined();
});

test('a role that can do more than replicate is refused', async () => {
  await database.pool.query('create role wick_test_mighty createdb');
  const mighty = { cdcUser: 'wick_test_mighty', cdcPassword: 'x' };
  await expect(migratePostgres(database.pool, mighty)).rejects.toThrow(/choose another name/);
});

test('runners of several logins at once do not trip over one another', async () => {
  const role = { cdcUser: 'wick_test_race', cdcPassword: 'x' };
  const pools = Array.from({ length: 4 }, () => database.createPool());
  await Promise.all(pools.map((pool) => migratePostgres(pool, role)));
});
