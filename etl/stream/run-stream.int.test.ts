/**
 * The stream on a real Postgres, from a venue whose every frame and answer the test decides: a real
 * WebSocket server beside answers out of a table. The clock is stepped.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { nextOpen } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandle } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { recordLogger } from '../../tests/support/recorded-logger.ts';
import type { CandlePage, CandleRequest, StreamMessage, VenueAdapter } from '../extract/venue.ts';
import { runStream } from './run-stream.ts';

const database = usePostgres();
const MINUTE = 60_000;
const INSTRUMENT = {
  exchange: TEST_SERIES.exchange,
  marketType: TEST_SERIES.marketType,
  symbol: TEST_SERIES.symbol,
  base: 'BTC',
  quote: 'USDT',
  venueSymbol: 'BTCUSDT',
  aliases: [],
  isTrading: true,
  venueStatus: 'TRADING',
  onboardTime: null,
  delistTime: null,
  tickSize: null,
  stepSize: null,
} as const;

const at = (minutes: number, ms = 0): EpochMs => epochMs(TEST_OPEN_TIME + minutes * MINUTE + ms);
const candle = (minute: number, changes: Partial<Candle> = {}): Candle =>
  testCandle({ openTime: at(minute), source: 'rest', ...changes });

let clock: ReturnType<typeof createManualClock>;
let server: WebSocketServer;
let stop: AbortController;
let running: Promise<void>;
/** What the venue answers: its truth, by open time. */
let truth: Map<number, Candle>;
let connections: number;
let lost: string[];

beforeEach(async () => {
  await database.pool.query(
    'truncate market.candles, market.ingest_runs, market.raw_payloads, market.quarantine, market.stream_checks restart identity cascade',
  );
  clock = createManualClock(at(0, 1_000));
  truth = new Map();
  stop = new AbortController();
  connections = 0;
  lost = [];
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', () => (connections += 1));
  await once(server, 'listening');
  running = runStream({
    adapter: scripted(),
    pool: database.pool,
    series: [{ instrument: INSTRUMENT, interval: '1m', from: at(0) }],
    clock,
    random: () => 0,
    logger: recordLogger().logger,
    signal: stop.signal,
    on: { lost: (reason) => lost.push(reason) },
  });
  running.catch(() => undefined);
  await connected(1);
});

afterEach(async () => {
  stop.abort();
  for (const client of server.clients) client.terminate();
  await Promise.allSettled([running]);
  await new Promise((resolve) => server.close(resolve));
});

/** A venue whose frames are our own messages as JSON. */
function scripted(): VenueAdapter {
  const { port } = server.address() as AddressInfo;
  return {
    id: TEST_SERIES.exchange,
    marketType: TEST_SERIES.marketType,
    intervals: ['1m'],
    reachCandles: null,
    fetchServerTime: () => Promise.resolve(clock.now()),
    fetchInstruments: () => Promise.resolve([INSTRUMENT]),
    fetchFunding: null,
    fetchCandles: answer,
    stream: {
      intervals: ['1m'],
      seriesMax: 10,
      url: () => `ws://127.0.0.1:${port}`,
      subscribe: () => [],
      keepAlive: null,
      silenceMsMax: 60_000,
      lifetimeMsMax: 86_400_000,
      read: (frame) => JSON.parse(frame) as StreamMessage[],
    },
    close: () => undefined,
  };
}

async function* answer({ from, to }: CandleRequest): AsyncGenerator<CandlePage, void, undefined> {
  const now = clock.now();
  const candles = [...truth.values()]
    .filter(({ openTime }) => openTime >= from && openTime < to && nextOpen('1m', openTime) <= now)
    .sort((a, b) => a.openTime - b.openTime);
  yield await Promise.resolve({
    series: TEST_SERIES,
    candles: candles.map((each, index) => ({ candle: each, index, row: [each.openTime] })),
    rejects: [],
    raw: { url: 'http://venue/klines', fetchedAt: now, body: JSON.stringify(candles) },
    venueNow: now,
    weightUsed: null,
  });
}

function tell(...messages: readonly StreamMessage[]): void {
  for (const client of server.clients) client.send(JSON.stringify(messages));
}

function tellCandle(told: Candle): void {
  tell({ kind: 'candle', candle: { ...told, source: 'ws' }, venueTime: clock.now() });
}

async function connected(count: number): Promise<void> {
  await until('a connection', async () => Promise.resolve(connections >= count));
}

async function until(what: string, fits: () => Promise<boolean>): Promise<void> {
  await waitFor(fits, { what, timeoutMs: 20_000 });
}

interface Row {
  readonly minute: number;
  readonly close: string;
  readonly source: string;
  readonly is_closed: boolean;
  readonly revision: number;
}

async function stored(): Promise<Row[]> {
  const { rows } = await database.pool.query<Omit<Row, 'minute'> & { open_time: EpochMs }>(
    'select open_time, close, source, is_closed, revision from market.candles order by open_time',
  );
  return rows.map(({ open_time, ...row }) => ({ minute: (open_time - at(0)) / MINUTE, ...row }));
}

async function storedLike(expected: readonly Partial<Row>[]): Promise<void> {
  const fits = async (): Promise<boolean> => {
    const rows = await stored();
    return (
      rows.length === expected.length &&
      rows.every((row, index) =>
        Object.entries(expected[index] ?? {}).every(
          ([key, value]) => Reflect.get(row, key) === value,
        ),
      )
    );
  };
  await until(`rows like ${JSON.stringify(expected)}`, fits).catch(async (error: unknown) => {
    expect(await stored(), String(error)).toMatchObject(expected);
  });
}

async function findings(): Promise<{ verdict: string; streamed: unknown; answered: unknown }[]> {
  const { rows } = await database.pool.query<{
    verdict: string;
    streamed: unknown;
    answered: unknown;
  }>('select verdict, streamed, answered from market.stream_checks order by open_time');
  return rows;
}

describe('a candle that is told as closed', () => {
  test('is stored at once with its frame, and stays as it is when the venue says the same', async () => {
    clock.set(at(1));
    truth.set(at(0), candle(0));
    tellCandle(candle(0));
    await storedLike([{ minute: 0, source: 'ws', is_closed: true, revision: 0 }]);
    const { rows } = await database.pool.query<{ url: string }>(
      'select r.url from market.candles c join market.raw_payloads r on r.id = c.raw_id',
    );
    expect(rows[0]?.url).toMatch(/^ws:/);
    const { rows: runs } = await database.pool.query<{ watermark: null }>(
      `select watermark from market.ingest_runs where job = 'stream'`,
    );
    expect(runs, 'what lies before it was never asked for').toEqual([{ watermark: null }]);

    clock.set(at(1, 3_000));
    await until('the answer', async () => {
      const { rowCount } = await database.pool.query(
        `select from market.ingest_runs where job = 'stream-check' and unchanged = 1`,
      );
      return rowCount === 1;
    });
    await storedLike([{ minute: 0, source: 'ws', revision: 0 }]);
    expect(await findings()).toEqual([]);
  });

  test('gives way to the venue where it answers otherwise, and that is on record', async () => {
    clock.set(at(1));
    truth.set(at(0), candle(0, { close: decimal('104') }));
    tellCandle(candle(0, { close: decimal('103') }));
    await storedLike([{ minute: 0, close: '103.000000000000000000' }]);
    clock.set(at(1, 3_000));
    await storedLike([{ minute: 0, close: '104.000000000000000000', source: 'rest', revision: 1 }]);
    await until('a finding', async () => (await findings()).length === 1);
    expect(await findings()).toMatchObject([
      { verdict: 'differs', streamed: { close: '103' }, answered: { close: '104' } },
    ]);
  });

  test('is on record as absent when the venue has what follows and not it', async () => {
    clock.set(at(1));
    tellCandle(candle(0));
    clock.set(at(2));
    tellCandle(candle(1));
    truth.set(at(1), candle(1));
    await storedLike([{ minute: 0 }, { minute: 1 }]);
    clock.set(at(2, 3_000));
    await until('a finding', async () => (await findings()).length === 1);
    expect(await findings()).toMatchObject([{ verdict: 'absent_at_venue', answered: null }]);
  });

  test('is on record as absent when the venue never has it', async () => {
    clock.set(at(1));
    tellCandle(candle(0));
    await storedLike([{ minute: 0 }]);
    for (let seconds = 3; (await findings()).length === 0; seconds += 10) {
      expect(seconds).toBeLessThan(600);
      clock.set(at(1, seconds * 1_000));
      await database.pool.query('select pg_sleep(0.05)');
    }
    expect(await findings()).toMatchObject([{ verdict: 'absent_at_venue', answered: null }]);
    await storedLike([{ minute: 0 }]);
  });
});

describe('the record of a stream', () => {
  interface RunRow {
    readonly id: string;
    readonly job: string;
    readonly state: string;
    readonly minutes: string;
    readonly rows: string;
  }

  const records = async (): Promise<RunRow[]> => {
    const { rows } = await database.pool.query<RunRow>(
      `select id, job, state,
         extract(epoch from range_from - $1::timestamptz)::integer / 60 || '-' ||
           extract(epoch from range_to - $1::timestamptz)::integer / 60 as minutes,
         inserted + unchanged as rows
       from market.ingest_runs order by job, id`,
      [new Date(at(0)).toISOString()],
    );
    return rows;
  };

  /** Tells a minute as closed, and lets the venue be asked about it. */
  const pass = async (minute: number): Promise<void> => {
    clock.set(at(minute + 1));
    truth.set(at(minute), candle(minute));
    tellCandle(candle(minute));
    await until(`candle ${minute}`, async () => (await stored()).length === minute + 1);
    clock.set(at(minute + 1, 3_000));
    await until(`an answer about ${minute}`, async () => {
      // A question that failed is asked again in a while.
      clock.set(epochMs(clock.now() + 200));
      const checks = (await records()).filter(({ job }) => job === 'stream-check');
      return checks.reduce((sum, { rows }) => sum + Number(rows), 0) === minute + 1;
    });
  };

  test('is one run for the candles of a connection and one for what was asked about them', async () => {
    for (const minute of [0, 1, 2]) await pass(minute);
    expect(await records()).toMatchObject([
      { job: 'stream', state: 'running', minutes: '0-3', rows: '3' },
      { job: 'stream-check', state: 'running', minutes: '0-3', rows: '3' },
    ]);
    const { rows } = await database.pool.query(
      `select r.job, count(distinct p.id)::integer as frames
       from market.candles as c
       join market.ingest_runs as r on r.id = c.ingest_run_id
       join market.raw_payloads as p on p.id = c.raw_id and p.ingest_run_id = r.id
       group by r.job`,
    );
    expect(rows, 'each candle names its run and its frame').toEqual([{ job: 'stream', frames: 3 }]);
    stop.abort();
    await running;
    expect((await records()).map(({ state }) => state)).toEqual(['done', 'done']);
  });

  test('goes on in another run after a loss, and where somebody closed the one at hand', async () => {
    await pass(0);
    for (const client of server.clients) client.terminate();
    await connected(2);
    await pass(1);
    expect((await records()).map(({ job, state }) => `${job} ${state}`)).toEqual([
      'stream done',
      'stream running',
      'stream-check running',
    ]);
    // As when somebody takes this process for dead.
    await database.pool.query(
      `update market.ingest_runs set state = 'failed', error = 'abandoned', finished_at = now()
       where state = 'running'`,
    );
    await pass(2);
    expect(await stored()).toMatchObject([0, 1, 2].map((minute) => ({ minute, revision: 0 })));
    expect((await records()).map(({ job, state }) => `${job} ${state}`)).toEqual([
      'stream done',
      'stream failed',
      'stream running',
      'stream-check failed',
      'stream-check running',
    ]);
  });
});

describe('while a candle runs', () => {
  test('it is stored open, once a second at most, and never as a revision', async () => {
    tellCandle(candle(0, { isClosed: false, close: decimal('101') }));
    await storedLike([{ close: '101.000000000000000000', is_closed: false }]);
    tellCandle(candle(0, { isClosed: false, close: decimal('102') }));
    clock.set(at(0, 3_000));
    tellCandle(candle(0, { isClosed: false, close: decimal('103') }));
    await storedLike([{ close: '103.000000000000000000', is_closed: false, revision: 0 }]);
  });

  test('what it could not have become is on record', async () => {
    truth.set(at(0), candle(0, { high: decimal('106') }));
    tellCandle(candle(0, { isClosed: false, high: decimal('107') }));
    await storedLike([{ is_closed: false }]);
    clock.set(at(1, 3_000));
    await until('a finding', async () => (await findings()).length === 1);
    expect(await findings()).toMatchObject([
      { verdict: 'differs', streamed: { high: '107' }, answered: { high: '106' } },
    ]);
  });

  test('a venue that calls none closed is asked, and its answer closes it', async () => {
    truth.set(at(0), candle(0, { high: decimal('111'), volume: decimal('20') }));
    tellCandle(candle(0, { isClosed: false }));
    await storedLike([{ is_closed: false }]);
    clock.set(at(1, 3_000));
    await storedLike([{ is_closed: true, revision: 0 }]);
    expect(await findings()).toEqual([]);
  });
});

describe('what a lost connection did not tell', () => {
  test('is asked for as soon as it stands again', async () => {
    clock.set(at(1));
    for (const minute of [0, 1, 2, 3]) truth.set(at(minute), candle(minute));
    tellCandle(candle(0));
    await storedLike([{ minute: 0 }]);
    for (const client of server.clients) client.terminate();
    clock.set(at(4, 3_000));
    await connected(2);
    await storedLike([0, 1, 2, 3].map((minute) => ({ minute, is_closed: true })));
    expect(await findings(), 'nobody was there to be told').toEqual([]);
  });

  test('counts as lost when numbers of frames are missing', async () => {
    tell({ kind: 'sequence', number: 7 });
    tell({ kind: 'sequence', number: 9 });
    await connected(2);
    expect(lost).toEqual(['1 frames are missing before number 9']);
  });
});

test('an open connection that tells nothing costs no candle, is on record and is given up', async () => {
  for (const minute of [0, 1, 2, 3, 4]) truth.set(at(minute), candle(minute));
  clock.set(at(2, 3_000));
  await storedLike([{ minute: 0 }, { minute: 1 }]);
  await until('findings', async () => (await findings()).length === 1);
  // The first candle had begun before the connection stood.
  expect(await findings()).toMatchObject([{ verdict: 'not_streamed', streamed: null }]);
  clock.set(at(5, 3_000));
  await connected(2);
  expect(lost).toEqual(['nothing told of binance-futures|perp|BTC/USDT|1m for 180000 ms']);
  await storedLike([0, 1, 2, 3, 4].map((minute) => ({ minute })));
});

test('a frame that makes no sense is kept in quarantine, word for word', async () => {
  clock.set(at(1));
  tellCandle(candle(0, { low: decimal('120') }));
  tell({
    kind: 'reject',
    series: TEST_SERIES,
    finding: { ok: false, reason: 'malformed_row', detail: 'not a kline event' },
    frame: '{"e":"kline"}',
  });
  await until('both', async () => {
    const { rowCount } = await database.pool.query('select from market.quarantine');
    return rowCount === 2;
  });
  const { rows } = await database.pool.query<{ reason: string; raw_row: string; raw_id: string }>(
    'select reason, raw_row, raw_id from market.quarantine order by id',
  );
  expect(rows.map(({ reason }) => reason)).toEqual(['ohlc_order', 'malformed_row']);
  expect(rows[0]?.raw_row).toContain('"low":"120"');
  expect(rows.every(({ raw_id }) => raw_id !== null)).toBe(true);
  expect(await stored()).toEqual([]);
});

test('a venue that refuses the subscription ends the stream with its words', async () => {
  tell({ kind: 'refused', reason: 'no such stream' });
  await expect(running).rejects.toMatchObject({
    code: 'WICK_ETL_STREAM_FAILED',
    message: expect.stringContaining('no such stream'),
  });
});
