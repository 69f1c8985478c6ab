/** What the spot market has of its own, against the recorded venue; the rest is tested with the futures. */
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import {
  createRecordedVenue,
  RECORDINGS_DIRECTORY as recorded,
  type RecordedVenue,
} from '../../../local/venues/recorded-venue.ts';
import { collectPages } from '../../../tests/support/venue-pages.ts';
import type { CandleRequest, VenueAdapter } from '../venue.ts';
import { createBinanceSpot } from './rest.ts';

const END = epochMs(1_748_964_720_000);
const DAY: CandleRequest = {
  symbol: 'btcusdt',
  interval: '1m',
  from: epochMs(END - 1_440 * 60_000),
  to: END,
  venueNow: END,
};

let directory: string;
let venue: RecordedVenue;
let adapter: VenueAdapter;

beforeAll(async () => {
  // SYNTHETIC: the candles of the perpetual stand for those of the pair; the wire is what is tested.
  directory = await mkdtemp(join(tmpdir(), 'wick-synthetic-spot-'));
  await mkdir(join(directory, 'binance-spot'));
  await copyFile(
    join(recorded, 'BTCUSDT-1m.csv.gz'),
    join(directory, 'binance-spot', 'BTCUSDT-1m.csv.gz'),
  );
  const clock = createManualClock(END);
  venue = await createRecordedVenue({ directory, clock, logger: pino({ level: 'silent' }) });
  const wallClock = createManualClock(END);
  adapter = createBinanceSpot({ ...venue.urls['binance-spot'], clock: wallClock });
});
afterAll(async () => {
  adapter.close();
  await venue.close();
  await rm(directory, { recursive: true, force: true });
});

test('a page holds 1000 candles for a weight of 2, after 20 for the list', async () => {
  const pages = await collectPages(adapter, DAY);
  expect(pages[0]?.candles).toHaveLength(1_000);
  expect(pages.map(({ weightUsed }) => weightUsed)).toEqual(
    pages.map((_, index) => 22 + index * 2),
  );
  expect(new URL(pages[0]?.raw.url ?? '').pathname).toBe('/binance-spot/api/v3/klines');
});

test('the captured refusal of a symbol is a typed error', async () => {
  const Cassette = Type.Array(
    Type.Object({ response: Type.Object({ body: Type.String(), status_code: Type.Integer() }) }),
  );
  const text = await readFile(
    join(import.meta.dirname, 'fixtures/error-invalid-symbol.vcr.json'),
    'utf8',
  );
  const [answer] = Value.Parse(Cassette, JSON.parse(text));
  if (answer === undefined) throw new Error('the cassette is empty');
  const { body, status_code: status } = answer.response;
  venue.faults['binance-spot'].plan({ kind: 'refuse', status, body });
  await expect(collectPages(adapter, DAY)).rejects.toMatchObject({
    code: 'WICK_ETL_UNSUPPORTED',
    message: expect.stringMatching(/binance-spot refused .* 400: -1121 Invalid symbol\./),
  });
});

test('there is no funding to ask for', () => {
  expect(adapter.fetchFunding).toBeNull();
});
