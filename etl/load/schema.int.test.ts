/** What the tables themselves refuse, what is published, and under which names. */
import { beforeAll, describe, expect, test } from 'vitest';
import { PUBLICATION, TOPIC_CANDLES, TOPIC_PREFIX } from '#core/contracts/names.ts';
import { usePostgres } from '../../tests/support/postgres.ts';

const database = usePostgres();

const VALID: Readonly<Record<string, string>> = {
  exchange: `'binance-futures'`,
  market_type: `'perp'`,
  symbol: `'BTC/USDT'`,
  interval: `'1m'`,
  open_time: `'2025-06-01'`,
  open: '100',
  high: '110',
  low: '90',
  close: '105',
  is_closed: 'true',
  observed_at: `'2025-06-01'`,
  source: `'rest'`,
};

async function insertCandle(changes: Readonly<Record<string, string>>): Promise<unknown> {
  const row = { ...VALID, ...changes };
  return database.pool.query(
    `insert into market.candles (${Object.keys(row).join(', ')}) values (${Object.values(row).join(', ')})`,
  );
}

beforeAll(async () => {
  await database.pool.query(
    `select market.ensure_month_partitions('candles', '{2025-06-01}'::timestamptz[])`,
  );
});

test('a valid candle is taken, with nulls where the source has nothing', async () => {
  await insertCandle({});
  const found = await database.pool.query('select * from market.futures_candles');
  expect(found.rows).toMatchObject([
    { symbol: 'BTC/USDT', open: '100.000000000000000000', volume: null, trades: null, revision: 0 },
  ]);
});

describe('market.candles refuses', () => {
  const CHECK = '23514';
  const OVERFLOW = '22003';
  const prices = ['open', 'high', 'low', 'close'];
  const volumes = ['volume', 'quote_volume', 'taker_buy_base', 'taker_buy_quote'];
  const cases: [string, Record<string, string>, string][] = [
    ...[...prices, ...volumes].flatMap((name): [string, Record<string, string>, string][] => [
      [`NaN as ${name}`, { [name]: `'NaN'` }, CHECK],
      [`Infinity as ${name}`, { [name]: `'Infinity'` }, OVERFLOW],
      [`-Infinity as ${name}`, { [name]: `'-Infinity'` }, OVERFLOW],
      [`a negative ${name}`, { [name]: '-0.000000000000000001' }, CHECK],
      [`a ${name} of 21 integer digits`, { [name]: '1e20' }, OVERFLOW],
    ]),
    ...prices.map((name): [string, Record<string, string>, string] => [
      `a ${name} of zero`,
      { [name]: '0' },
      CHECK,
    ]),
    ['NaN as every price', { open: `'NaN'`, high: `'NaN'`, low: `'NaN'`, close: `'NaN'` }, CHECK],
    ['a high below the low', { high: '80', open: '85', close: '85' }, CHECK],
    ['a high below the open', { high: '99.9', close: '95' }, CHECK],
    ['a high below the close', { high: '104.9' }, CHECK],
    ['a low above the open', { low: '100.1' }, CHECK],
    ['a low above the close', { low: '96', close: '95' }, CHECK],
    ['negative trades', { trades: '-1' }, CHECK],
    ['a market type of no kind', { market_type: `'future'` }, CHECK],
    ['an empty exchange', { exchange: `''` }, CHECK],
    ['an empty symbol', { symbol: `''` }, CHECK],
    ['an empty interval', { interval: `''` }, CHECK],
    ['a revision of an open candle', { is_closed: 'false', revision: '1' }, CHECK],
    ['a month that was not made', { open_time: `'2025-07-01'` }, CHECK],
    ['an infinite open time', { open_time: `'infinity'` }, CHECK],
    ['no close', { close: 'null' }, '23502'],
    ['the same key twice', {}, '23505'],
  ];
  test.each(cases)('%s', async (_, changes, code) => {
    await expect(insertCandle(changes)).rejects.toMatchObject({ code });
  });
});

const GAP = {
  exchange: `'binance-futures'`,
  market_type: `'perp'`,
  symbol: `'BTC/USDT'`,
  interval: `'1m'`,
  gap_from: `'2025-06-01'`,
  gap_to: `'2025-06-02'`,
  candles: '1440',
  cause: `'missing'`,
  first_seen_at: `'2025-06-03'`,
} as const;

const FUNDING = {
  exchange: `'binance-futures'`,
  market_type: `'perp'`,
  symbol: `'BTC/USDT'`,
  interval: `'8h'`,
  funding_time: `'2025-06-01'`,
  rate: '-0.0001',
  observed_at: `'2025-06-01'`,
  source: `'rest'`,
} as const;

function insertInto(table: string, row: Readonly<Record<string, string>>): Promise<unknown> {
  return database.pool.query(
    `insert into market.${table} (${Object.keys(row).join(', ')}) values (${Object.values(row).join(', ')})`,
  );
}

describe('market.gaps and market.funding_rates', () => {
  test('take a hole that is open and a payment that is negative', async () => {
    await expect(insertInto('gaps', GAP)).resolves.toBeDefined();
    await expect(insertInto('funding_rates', FUNDING)).resolves.toBeDefined();
  });

  const gap = { ...GAP, gap_from: `'2024-01-01'` };
  const paid = { ...FUNDING, funding_time: `'2024-01-01'` };
  test.each<[string, string, Record<string, string>]>([
    ['a cause of no kind', 'gaps', { ...gap, cause: `'lost'` }],
    ['a range that ends before it begins', 'gaps', { ...gap, gap_to: `'2023-01-01'` }],
    ['a hole without a slot', 'gaps', { ...gap, candles: '0' }],
    ['an open question with an answer', 'gaps', { ...gap, resolved_at: `'2025-06-03'` }],
    ['an answer without its time', 'gaps', { ...gap, cause: `'repaired'` }],
    ['more empty answers than questions', 'gaps', { ...gap, empty_answers: '1' }],
    ['a rate of NaN', 'funding_rates', { ...paid, rate: `'NaN'` }],
    ['a premium of NaN', 'funding_rates', { ...paid, premium: `'NaN'` }],
    ['a mark price of zero', 'funding_rates', { ...paid, mark_price: '0' }],
  ])('refuse %s', async (_, table, row) => {
    await expect(insertInto(table, row)).rejects.toMatchObject({ code: '23514' });
  });

  test('refuse the same payment under another period', async () => {
    await expect(
      insertInto('funding_rates', { ...FUNDING, interval: `'4h'` }),
    ).rejects.toMatchObject({ code: '23505' });
  });
});

test('the publication holds what the connector reads, under parents, without truncate', async () => {
  const tables = await database.pool.query(
    `select schemaname || '.' || tablename as name from pg_publication_tables
     where pubname = $1 order by 1`,
    [PUBLICATION],
  );
  expect(tables.rows.map((row: { name: string }) => row.name)).toEqual([
    'market.anchors',
    'market.candles',
    'market.cdc_signal',
    'market.funding_rates',
    'market.gaps',
    'market.heartbeat',
  ]);
  const settings = await database.pool.query(
    `select puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot
     from pg_publication where pubname = $1`,
    [PUBLICATION],
  );
  expect(settings.rows).toEqual([
    {
      puballtables: false,
      pubinsert: true,
      pubupdate: true,
      pubdelete: true,
      pubtruncate: false,
      pubviaroot: true,
    },
  ]);
  expect(`${TOPIC_PREFIX}.market.candles`).toBe(TOPIC_CANDLES);
});

test('a change is decoded under the parent table, with only the key of the old row', async () => {
  const slot = 'wick_schema_test';
  await database.pool.query('select pg_create_logical_replication_slot($1, $2)', [
    slot,
    'pgoutput',
  ]);
  try {
    await database.pool.query('update market.candles set close = 106');
    const changes = await database.pool.query<{ text: string }>(
      `select encode(data, 'escape') as text from pg_logical_slot_peek_binary_changes(
         $1, null, null, 'proto_version', '1', 'publication_names', $2)`,
      [slot, PUBLICATION],
    );
    const text = changes.rows.map((row) => row.text);
    const relation = text.find((message) => message.startsWith('R')) ?? '';
    expect(relation).toContain('market\\000candles\\000d');
    expect(text.filter((message) => message.startsWith('U'))).toHaveLength(1);
  } finally {
    await database.pool.query('select pg_drop_replication_slot($1)', [slot]);
  }
});
