/** The catalogue of a scripted venue on a real Postgres, from sync to sync. */
import { beforeEach, describe, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import { epochMs, parseInstant } from '#core/time.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import type { Instrument } from './extract/venue.ts';
import { statusOf } from './load/catalogue-status.ts';
import { selectSymbols } from './load/select-series.ts';
import { syncCatalogue, type CatalogueSync } from './sync-catalogue.ts';

const database = usePostgres();
const NOW = parseInstant('2025-06-01T00:00:00Z');
const DAY_MS = 86_400_000;

beforeEach(() =>
  database.pool.query('truncate market.exchanges, market.symbols, market.supported_intervals'),
);

function instrument(base: string, changes: Partial<Instrument> = {}): Instrument {
  return {
    exchange: 'venue',
    marketType: 'perp',
    symbol: `${base}/USDT`,
    base,
    quote: 'USDT',
    venueSymbol: `${base}USDT`,
    aliases: [],
    isTrading: true,
    venueStatus: 'TRADING',
    onboardTime: NOW,
    delistTime: null,
    tickSize: decimal('0.10'),
    stepSize: null,
    ...changes,
  };
}

function sync(instruments: readonly Instrument[], changes: Partial<CatalogueSync['adapter']> = {}) {
  const adapter: CatalogueSync['adapter'] = {
    id: 'venue',
    marketType: 'perp',
    intervals: ['1m', '1h'],
    fetchServerTime: () => Promise.resolve(NOW),
    fetchInstruments: () => Promise.resolve(instruments),
    ...changes,
  };
  return syncCatalogue({ adapter, pool: database.pool });
}

async function stored(): Promise<string[]> {
  const { rows } = await database.pool.query<{ text: string }>(
    `select concat_ws(' ', symbol, venue_symbol, status, trim_scale(price_tick),
       case when delisted_at is null then '' else 'ended' end) as text
     from market.symbols order by symbol`,
  );
  return rows.map(({ text }) => text.trim());
}

/** Every row of the catalogue with the transaction that wrote it. */
async function everything(): Promise<unknown[]> {
  const { rows } = await database.pool.query<{ row: string }>(
    `select xmin || ' ' || e::text as row from market.exchanges as e
     union all select xmin || ' ' || s::text from market.symbols as s
     union all select xmin || ' ' || i::text from market.supported_intervals as i order by 1`,
  );
  return rows;
}

test('a first sync stores what the venue has', async () => {
  const report = await sync([
    instrument('BTC'),
    instrument('ETH', { isTrading: false, venueStatus: 'SETTLING' }),
  ]);
  expect(report).toMatchObject({
    symbols: 2,
    trading: 1,
    listed: ['BTC/USDT', 'ETH/USDT'],
    changed: [],
    delisted: [],
    rows: 5,
  });
  expect(await stored()).toEqual(['BTC/USDT BTCUSDT trading 0.1', 'ETH/USDT ETHUSDT halted 0.1']);
});

test('the same again writes no row and locks none', async () => {
  const instruments = [
    instrument('BTC'),
    instrument('ETH', { isTrading: false, venueStatus: 'CLOSE' }),
  ];
  await sync(instruments);
  const before = await everything();
  expect(await sync(instruments)).toMatchObject({ listed: [], changed: [], delisted: [], rows: 0 });
  expect(await everything()).toEqual(before);
  const { rows } = await database.pool.query<{ locks: string }>(
    `select count(*) as locks from market.symbols where xmax <> 0`,
  );
  expect(rows).toEqual([{ locks: '0' }]);
});

test('what changes is written, and nothing else', async () => {
  await sync([instrument('BTC'), instrument('ETH')]);
  const report = await sync([instrument('BTC'), instrument('ETH', { tickSize: decimal('0.01') })]);
  expect(report).toMatchObject({ listed: [], changed: ['ETH/USDT'], delisted: [], rows: 1 });
  expect(await stored()).toEqual(['BTC/USDT BTCUSDT trading 0.1', 'ETH/USDT ETHUSDT trading 0.01']);
});

test('a symbol that vanishes is marked as delisted and stays, and may come back', async () => {
  await sync([instrument('BTC'), instrument('ETH')]);
  expect(await sync([instrument('BTC')])).toMatchObject({ delisted: ['ETH/USDT'], rows: 1 });
  expect(await stored()).toEqual([
    'BTC/USDT BTCUSDT trading 0.1',
    'ETH/USDT ETHUSDT delisted 0.1 ended',
  ]);
  expect(await sync([instrument('BTC')])).toMatchObject({ delisted: [], rows: 0 });
  expect(await sync([instrument('BTC'), instrument('ETH')])).toMatchObject({
    changed: ['ETH/USDT'],
  });
  expect(await stored()).toEqual(['BTC/USDT BTCUSDT trading 0.1', 'ETH/USDT ETHUSDT trading 0.1']);
});

test('a venue may give the spelling of what it took off to another symbol', async () => {
  await sync([instrument('LUNA')]);
  const report = await sync([instrument('LUNC', { venueSymbol: 'LUNAUSDT' })]);
  expect(report).toMatchObject({ listed: ['LUNC/USDT'], delisted: ['LUNA/USDT'] });
});

test('what was once said of a listing is not forgotten', async () => {
  await sync([instrument('BTC')]);
  await sync([instrument('BTC', { onboardTime: null })]);
  const { rows } = await database.pool.query('select listed_at from market.symbols');
  expect(rows).toEqual([{ listed_at: NOW }]);
});

test('intervals follow the venue', async () => {
  await sync([instrument('BTC')]);
  expect(await sync([instrument('BTC')], { intervals: ['1h', '1d'] })).toMatchObject({ rows: 2 });
  const { rows } = await database.pool.query(
    'select interval from market.supported_intervals order by 1',
  );
  expect(rows).toEqual([{ interval: '1d' }, { interval: '1h' }]);
});

test('of two with one name the one that trades is taken, and it is told', async () => {
  const report = await sync([
    instrument('BTC', { isTrading: false, venueSymbol: 'OLD' }),
    instrument('BTC'),
  ]);
  expect(report).toMatchObject({ symbols: 1, trading: 1, ambiguous: ['BTC/USDT'] });
  expect(await stored()).toEqual(['BTC/USDT BTCUSDT trading 0.1']);
});

test.each([
  ['none at all', 0],
  ['less than half', 9],
])('a venue that names %s is not believed', async (_, named) => {
  const all = Array.from({ length: 20 }, (_each, index) => instrument(`C${index}`));
  await sync(all);
  const before = await everything();
  const error = expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD', retryable: true });
  await expect(sync(all.slice(0, named))).rejects.toThrow(error);
  expect(await everything()).toEqual(before);
});

test('a venue of which nothing is known may have nothing', async () => {
  expect(await sync([])).toMatchObject({ symbols: 0, trading: 0, listed: [], rows: 3 });
});

test('a selection takes what trades, by quote and name, in order and bounded', async () => {
  await sync([
    instrument('ETH'),
    instrument('BTC'),
    instrument('SOL', { isTrading: false, venueStatus: 'CLOSE' }),
    instrument('XRP', { quote: 'USDC', symbol: 'XRP/USDC', venueSymbol: 'XRPUSDC' }),
  ]);
  const select = (changes: object) =>
    selectSymbols(database.pool, {
      exchange: 'venue',
      marketType: 'perp',
      symbolsMax: 9,
      ...changes,
    });
  expect(await select({})).toEqual(['BTC/USDT', 'ETH/USDT', 'XRP/USDC']);
  expect(await select({ quote: 'USDT', symbolsMax: 1 })).toEqual(['BTC/USDT']);
  expect(await select({ symbols: ['ETH/USDT', 'SOL/USDT'] })).toEqual(['ETH/USDT']);
});

describe('a status is told from what the venue says', () => {
  const past = epochMs(NOW - DAY_MS);
  const future = epochMs(NOW + DAY_MS);
  test.each<[string, string, Partial<Instrument>]>([
    ['trading', 'it trades', {}],
    ['trading', 'it trades and will end', { delistTime: future }],
    ['delisted', 'it has ended', { delistTime: past }],
    ['delisted', 'its word says the end', { isTrading: false, venueStatus: 'delisted' }],
    ['delisted', 'it is closed', { isTrading: false, venueStatus: 'CLOSE' }],
    ['pending', 'it begins later', { isTrading: false, venueStatus: 'x', onboardTime: future }],
    ['pending', 'its word says so', { isTrading: false, venueStatus: 'PENDING_TRADING' }],
    ['halted', 'it is on its way out', { isTrading: false, venueStatus: 'SETTLING' }],
    ['halted', 'it stands still', { isTrading: false, venueStatus: 'BREAK' }],
  ])('%s where %s', (status, _, changes) => {
    expect(statusOf(instrument('BTC', changes), NOW)).toBe(status);
  });
});
