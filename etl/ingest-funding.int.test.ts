/** Funding payments from page to table and record, with a scripted venue and a real Postgres. */
import { beforeEach, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import type { FundingRate } from '#core/funding.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import type { FundingPage, VenueAdapter } from './extract/venue.ts';
import { ingestFunding, periodOf, type FundingReport } from './ingest-funding.ts';

const database = usePostgres();
const HOUR = 3_600_000;
const START = epochMs(Date.UTC(2025, 5, 1));
const at = (hours: number, lateMs = 0): EpochMs => epochMs(START + hours * HOUR + lateMs);

beforeEach(async () => {
  await database.pool.query(
    `truncate market.funding_rates, market.raw_payloads, market.quarantine, market.ingest_runs`,
  );
});

function payment(hours: number, changes: Partial<FundingRate> = {}): FundingRate {
  return {
    exchange: 'binance-futures',
    symbol: 'BTC/USDT',
    fundingTime: at(hours, 3),
    rate: decimal('-0.000012345678901234'),
    markPrice: decimal('104500.5'),
    premium: null,
    observedAt: at(1000),
    source: 'rest',
    ...changes,
  };
}

function pageOf(rates: readonly FundingRate[], changes: Partial<FundingPage> = {}): FundingPage {
  const body = JSON.stringify(rates);
  const raw = { url: `https://venue.test/funding?n=${body.length}`, fetchedAt: at(1000), body };
  return { rates, rejects: [], raw, ...changes };
}

function run(...pages: readonly (FundingPage | Error)[]): Promise<FundingReport> {
  const adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchFunding'> = {
    id: 'binance-futures',
    marketType: 'perp',
    async *fetchFunding() {
      for (const page of pages) {
        if (page instanceof Error) throw page;
        yield await Promise.resolve(page);
      }
    },
  };
  const { pool } = database;
  return ingestFunding({ adapter, pool, symbol: 'BTC/USDT', from: START, to: at(999) });
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(sql)).rows;
}

const stored = () => rows('select * from market.funding_rates order by funding_time');

test('payments are stored exactly, under the period they come in, and reported', async () => {
  const report = await run(pageOf([payment(0), payment(8)]), pageOf([payment(16)]));
  expect(report).toMatchObject({ fetched: 3, inserted: 3, unchanged: 0, newest: at(16, 3) });
  expect(await stored()).toMatchObject([
    {
      interval: '8h',
      funding_time: at(0, 3),
      rate: '-0.000012345678901234',
      mark_price: '104500.500000000000000000',
      premium: null,
      source: 'rest',
      ingest_run_id: String(report.runId),
    },
    { interval: '8h' },
    { interval: '8h' },
  ]);
  // No watermark: it would be taken for that of the candles of 8 hours.
  expect(await rows('select * from market.ingest_runs')).toMatchObject([
    { job: 'funding', state: 'done', inserted: '3', watermark: null },
  ]);
});

test('a payment that differs is revised, and a null takes no value away', async () => {
  await run(pageOf([payment(0), payment(8)]));
  const changed = payment(8, { rate: decimal('0.0001'), markPrice: null, observedAt: at(1001) });
  expect(await run(pageOf([payment(0, { markPrice: null }), changed]))).toMatchObject({
    inserted: 0,
    revised: 1,
    unchanged: 1,
  });
  expect((await stored())[1]).toMatchObject({
    rate: '0.000100000000000000',
    mark_price: '104500.500000000000000000',
    observed_at: at(1001),
  });
});

test('a period that changes later does not move the series', async () => {
  await run(pageOf([payment(0), payment(8)]));
  await run(pageOf([payment(8), payment(12), payment(16)]));
  expect((await stored()).map(({ interval }) => interval)).toEqual(['8h', '8h', '8h', '8h']);
});

test('what cannot be mapped is parked with its payload', async () => {
  const series = {
    exchange: 'binance-futures',
    marketType: 'perp',
    symbol: 'BTC/USDT',
    interval: '8h',
  } as const;
  const reject = {
    series,
    openTime: null,
    reason: 'malformed_row',
    detail: 'no rate',
    index: 1,
    rawRow: '{}',
  } as const;
  expect(await run(pageOf([payment(0)], { rejects: [reject] }))).toMatchObject({
    fetched: 2,
    inserted: 1,
    quarantined: 1,
  });
  expect(await rows('select reason, raw_row from market.quarantine')).toEqual([
    { reason: 'malformed_row', raw_row: '{}' },
  ]);
});

test('a venue that fails midway leaves its first pages, and the run says why', async () => {
  await expect(run(pageOf([payment(0)]), new Error('gone'))).rejects.toThrow('gone');
  expect(await stored()).toHaveLength(1);
  expect(await rows('select state, error from market.ingest_runs')).toEqual([
    { state: 'failed', error: 'gone' },
  ]);
});

test('a venue without funding is refused', async () => {
  const adapter = { id: 'coinbase', marketType: 'spot', fetchFunding: null } as const;
  const { pool } = database;
  await expect(
    ingestFunding({ adapter, pool, symbol: 'BTC/USD', from: START, to: at(1) }),
  ).rejects.toMatchObject({ code: 'WICK_ETL_UNSUPPORTED' });
});

test.each<[string, number[], string]>([
  ['three times a day', [0, 8, 16], '8h'],
  ['each hour, one of them missing', [0, 2, 3, 4], '1h'],
  ['a single payment', [0], '8h'],
])('the period of %s is read off their times', (_, hours, period) => {
  expect(periodOf(hours.map((hour, index) => ({ fundingTime: at(hour, index) })))).toBe(period);
});
