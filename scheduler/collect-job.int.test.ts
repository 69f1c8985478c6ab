/** Collecting from several venues in one job, with scripted venues and a real Postgres. */
import { afterEach, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { loadConfig } from '#platform/config.ts';
import type { VenueAdapter } from '../etl/index.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../tests/support/candles.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import { collectKind } from './collect-job.ts';
import type { Job, Work } from './job.ts';
import { Watermarks } from './watermarks.ts';

const database = usePostgres();
const NOW = epochMs(TEST_OPEN_TIME + 5 * 60_000);

afterEach(() =>
  database.pool.query(
    'truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs, market.exchanges, market.symbols, market.supported_intervals',
  ),
);

/** Five candles of whatever is asked for; `trouble` says what fails. */
function venue(id: string, trouble: 'clock' | 'candles' | null): VenueAdapter {
  return {
    id,
    marketType: 'perp',
    intervals: ['1m'],
    reachCandles: null,
    fetchServerTime: () =>
      trouble === 'clock' ? Promise.reject(new Error('venue is down')) : Promise.resolve(NOW),
    fetchInstruments: () => Promise.resolve([]),
    findInstrument: () => Promise.reject(new Error('nothing is looked up here')),
    async *fetchCandles({ symbol, from }) {
      if (trouble === 'candles') throw new Error('no such page');
      const series = { ...TEST_SERIES, exchange: id, symbol };
      const candles = testCandles(5, series).filter(({ openTime }) => openTime >= from);
      yield await Promise.resolve({
        series,
        candles: candles.map((candle, index) => ({ candle, index, row: [candle.openTime] })),
        rejects: [],
        raw: { url: `https://${id}.test/${symbol}`, fetchedAt: NOW, body: '[]' },
        venueNow: NOW,
        weightUsed: null,
      });
    },
    fetchFunding: null,
    stream: null,
    close: () => undefined,
  };
}

function work(adapters: readonly VenueAdapter[], changes: Partial<Job>): Work {
  const { logger } = recordLogger();
  const cache = { get: async () => null, set: async () => null };
  const passwords = ['DB', 'CDC', 'CLICKHOUSE', 'REDIS'].map((name) => [`${name}_PASSWORD`, 'x']);
  const job: Job = {
    name: 'collect',
    kind: 'collect',
    timing: null,
    atStart: false,
    after: [],
    retries: 0,
    retryMs: 100,
    timeoutMs: 10_000,
    series: [],
    stored: false,
    select: null,
    exchanges: [],
    usedVenues: false,
    historyDays: null,
    ...changes,
  };
  return collectKind.prepare(job, {
    config: loadConfig({ env: Object.fromEntries(passwords), envFile: 'no-such.env' }),
    pool: database.pool,
    venues: {
      open: (id) => {
        const found = adapters.find((each) => each.id === id);
        if (found === undefined) throw new Error(`no venue ${id}`);
        return found;
      },
      close: () => undefined,
    },
    watermarks: new Watermarks(database.pool, cache, logger),
    clock: systemClock,
    logger,
  });
}

const seriesOf = (exchange: string, symbol = 'BTC/USDT'): Series => ({
  ...TEST_SERIES,
  exchange,
  symbol,
});

async function stored(): Promise<string[]> {
  const { rows } = await database.pool.query<{ text: string }>(
    `select exchange || ' ' || symbol || ' ' || count(*) as text
     from market.candles group by exchange, symbol order by 1`,
  );
  return rows.map(({ text }) => text);
}

const { signal } = new AbortController();

test('venues are collected side by side, and those in trouble keep no other waiting', async () => {
  const adapters = [venue('down', 'clock'), venue('odd', 'candles'), venue('well', null)];
  const series = [
    seriesOf('down'),
    seriesOf('odd'),
    seriesOf('odd', 'ETH/USDT'),
    seriesOf('well'),
    seriesOf('well', 'ETH/USDT'),
  ];
  const { wrote, failures, report } = await work(adapters, { series })(signal);
  expect(await stored()).toEqual(['well BTC/USDT 5', 'well ETH/USDT 5']);
  expect([wrote, report]).toEqual([10, { collected: 2, failed: 3, candles: 10 }]);
  expect([...failures].sort()).toEqual(['down: venue is down', 'odd: 2 of 2 series not collected']);
});

test('what is selected follows the catalogue as it is in each tick', async () => {
  const exchange = 'binance-futures';
  await database.pool.query(
    'insert into market.exchanges (exchange, name) values ($1::text, $1::text)',
    [exchange],
  );
  const list = (symbol: string) =>
    database.pool.query(
      `insert into market.symbols (exchange, market_type, symbol, venue_symbol, base, quote, status)
       values ($2::text, 'perp', $1::text, $1::text, $1::text, 'USDT', 'trading')`,
      [symbol, exchange],
    );
  await list('BTC/USDT');
  const select = { exchange, intervals: ['1m'], symbolsMax: 9 } as const;
  const tick = work([venue(exchange, null)], { select });
  await tick(signal);
  expect(await stored()).toEqual([`${exchange} BTC/USDT 5`]);
  await list('ETH/USDT');
  await tick(signal);
  expect(await stored()).toEqual([`${exchange} BTC/USDT 5`, `${exchange} ETH/USDT 5`]);
});
