/**
 * A hundred thousand malformed rows of all venues, sound ones in between, through the venue's mapper and
 * a whole run into a real Postgres. In: SYNTHETIC answers, each row's fate known beforehand. What holds:
 * the table has the sound rows with their values and nothing else, quarantine has every malformed one
 * exactly once with its reason and its text, the payloads are kept to the letter, and the runs' records
 * add up. `WICK_FUZZ_ROWS` sets how many are malformed.
 */
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { rowPages, type RowPage } from '../tests/support/malformed-rows.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { ROW_FORMATS } from '../tests/support/row-formats.ts';
import { REJECT_REASONS } from './extract/reject.ts';
import { mapperOf, parseVenueId } from './extract/registry.ts';
import type { CandlePage, VenueAdapter } from './extract/venue.ts';
import { ingest } from './ingest.ts';

const ROWS = Number(process.env['WICK_FUZZ_ROWS'] ?? '100000');
const SEED = 20_261_121;
const FROM = epochMs(1_790_344_800_000);
const MINUTE = 60_000;
/** Later than any row that is not of the future, and than all of those. */
const NOW = epochMs(FROM + ROWS * 2 * MINUTE);
const TO = epochMs(NOW + ROWS * 2 * MINUTE);
const SYMBOLS: Readonly<Record<string, string>> = { hyperliquid: 'BTC/USDC', coinbase: 'BTC/USD' };
const TEST_MS_MAX = 600_000;

const database = usePostgres();
const decompress = promisify(zstdDecompress);
const VENUES = Object.entries(ROW_FORMATS).map(([id, format], index) => {
  const plan = { seed: SEED + index, malformed: Math.ceil(ROWS / 4), from: FROM, now: NOW, to: TO };
  return { id, plan, format };
});

const reasons = new Set<string>();
let injected = 0;

describe.each(VENUES)('malformed rows of $id', ({ id, plan, format }) => {
  const mapper = mapperOf(parseVenueId(id));
  const series = {
    exchange: mapper.id,
    marketType: mapper.marketType,
    symbol: SYMBOLS[id] ?? 'BTC/USDT',
    interval: '1m',
  } as const;
  const pages: RowPage[] = [...rowPages(format, plan)];
  const sound = pages.flatMap((page) => page.sound);
  const malformed = pages.flatMap((page) => page.malformed);

  const adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchCandles'> = {
    id: mapper.id,
    marketType: mapper.marketType,
    async *fetchCandles() {
      for (const [index, { body }] of pages.entries()) {
        const context = { series, from: FROM, to: TO, venueNow: NOW, observedAt: NOW };
        const mapped = mapper.mapCandles(mapper.parse(body), context);
        if (mapped === null) throw new Error(`page ${index} is no answer`);
        const raw = { url: `https://venue.test/${id}/${index}`, fetchedAt: NOW, body };
        const page: CandlePage = { series, ...mapped, raw, venueNow: NOW, weightUsed: null };
        yield await Promise.resolve(page);
      }
    },
  };

  test('the run ends well, and its record adds up', { timeout: TEST_MS_MAX }, async () => {
    expect(new Set(malformed.map(({ kept }) => kept)).size).toBe(malformed.length);
    const { pool } = database;
    const report = await ingest({ job: 'fuzz', adapter, pool, series, from: FROM, to: TO });
    const counts = {
      fetched: sound.length + malformed.length,
      inserted: sound.length,
      quarantined: malformed.length,
      raw: pages.length,
    };
    const none = { revised: 0, closed: 0, updatedOpen: 0, unchanged: 0 };
    expect(report.counts).toEqual({ ...counts, ...none });
    const { updatedOpen, ...rest } = none;
    const record = { ...counts, ...rest, updated_open: updatedOpen };
    const found = await database.pool.query<Record<string, unknown>>(
      'select * from market.ingest_runs where exchange = $1::text',
      [id],
    );
    expect(found.rows).toMatchObject([
      {
        state: 'done',
        error: null,
        watermark: sound.at(-1)!.openTime + MINUTE,
        ...Object.fromEntries(Object.entries(record).map(([name, count]) => [name, String(count)])),
      },
    ]);
    injected += malformed.length;
  });

  test('the table has the sound rows with their values, and nothing else', async () => {
    const found = await database.pool.query<{ row: string }>(
      `select concat_ws('|', extract(epoch from open_time)::bigint * 1000,
         trim_scale(open), trim_scale(high), trim_scale(low), trim_scale(close),
         coalesce(trim_scale(volume)::text, ''), coalesce(trim_scale(quote_volume)::text, ''),
         coalesce(trades::text, ''), coalesce(trim_scale(taker_buy_base)::text, ''),
         coalesce(trim_scale(taker_buy_quote)::text, ''), is_closed, source, revision) as row
       from market.candles where exchange = $1::text`,
      [id],
    );
    const wanted = sound.map(
      ({ openTime, values }) => `${[openTime, ...values].join('|')}|t|rest|0`,
    );
    expectSame(
      found.rows.map(({ row }) => row),
      wanted,
    );
  });

  test('quarantine has each malformed row once, with its reason, its text and its payload', async () => {
    const found = await database.pool.query<{
      reason: string;
      raw_row: string;
      detail: string;
      url: string | null;
    }>(
      `select q.reason, q.raw_row, q.detail, p.url
       from market.quarantine as q left join market.raw_payloads as p on p.id = q.raw_id
       where q.exchange = $1::text and q.symbol = $2::text and q.interval = $3::text`,
      [id, series.symbol, series.interval],
    );
    const wanted = pages.flatMap((page, index) =>
      page.malformed.map(
        ({ reason, kept }) => `${reason} https://venue.test/${id}/${index} ${kept}`,
      ),
    );
    expectSame(
      found.rows.map(({ reason, url, raw_row }) => `${reason} ${url} ${raw_row}`),
      wanted,
    );
    expect(found.rows.filter(({ detail }) => detail === '')).toEqual([]);
    for (const { reason } of found.rows) reasons.add(reason);
  });

  test('the answers are kept to the letter', async () => {
    const found = await database.pool.query<{ body: Buffer }>(
      `select p.body from market.raw_payloads as p
       join market.ingest_runs as r on r.id = p.ingest_run_id
       where r.exchange = $1::text order by p.id`,
      [id],
    );
    const bodies = await Promise.all(
      found.rows.map(async ({ body }) => (await decompress(body)).toString('utf8')),
    );
    expectSame(
      bodies,
      pages.map(({ body }) => body),
    );
  });
});

test('enough was malformed, in every way that there is', () => {
  expect(injected).toBeGreaterThanOrEqual(ROWS);
  expect([...reasons].toSorted()).toEqual([...REJECT_REASONS].toSorted());
});

/** The same texts as often, in any order; of a difference the first few are shown. */
function expectSame(found: readonly string[], wanted: readonly string[]): void {
  const counts = new Map<string, number>();
  for (const text of wanted) counts.set(text, (counts.get(text) ?? 0) + 1);
  for (const text of found) counts.set(text, (counts.get(text) ?? 0) - 1);
  const off = [...counts].filter(([, count]) => count !== 0);
  const shown = off.slice(0, 5).map(([text, count]) => ({ text, missing: count }));
  expect({ shown, off: off.length, found: found.length }).toEqual({
    shown: [],
    off: 0,
    found: wanted.length,
  });
}
