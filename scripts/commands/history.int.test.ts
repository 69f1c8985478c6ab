/** `wick sync`, `run` and `backfill` as people call them: processes, on Postgres and a recorded venue. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRecordedVenue, type RecordedVenue } from '../../local/venues/recorded-venue.ts';
import { startEngines } from '../../tests/support/engines.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { startVenueGate, type VenueGate } from '../../tests/support/venue-gate.ts';

const database = usePostgres();
const WICK = join(import.meta.dirname, '..', 'wick.ts');
/** The one whose recording ends with the venue's now. */
const ETH_1M = ['--exchange', 'binance-futures', '--symbol', 'ethusdt', '--tf', '1m'];
const BTC_1M = ['--exchange', 'binance-futures', '--symbol', 'btcusdt', '--tf', '1m'];
const POLL = { timeout: 50_000, interval: 50 };
const running = new Set<ChildProcess>();
let venue: RecordedVenue;
let gate: VenueGate | undefined;

beforeAll(async () => {
  venue = await createRecordedVenue({ mode: 'once', logger: pino({ level: 'silent' }) });
});

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  gate?.close();
  gate = undefined;
  await database.pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.backfill_chunks, market.exchanges, market.symbols, market.supported_intervals`,
  );
});
afterAll(() => venue.close());

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function start(args: readonly string[]) {
  const { set } = await startEngines(['postgres']);
  const child = spawn(process.execPath, [WICK, ...args], {
    env: {
      PATH: process.env['PATH'],
      ...set.env,
      DB_NAME: database.options.database,
      BINANCE_FUTURES_URL: gate?.url ?? venue.urls['binance-futures'].baseUrl,
      // Nobody is there.
      COINBASE_URL: 'http://127.0.0.1:9',
      LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, stdout, stderr });
    });
  });
  return { child, ended };
}

async function wick(...args: readonly string[]): Promise<Ended> {
  return (await start(args)).ended;
}

/** Exactly one object on stdout. */
function jsonOf({ stdout }: Ended): unknown {
  expect(stdout.trim().split('\n')).toHaveLength(1);
  return JSON.parse(stdout);
}

async function candles(): Promise<number> {
  const { rows } = await database.pool.query<{ n: string }>(
    'select count(*) as n from market.candles where is_closed',
  );
  return Number(rows[0]?.n);
}

function recorded(): number {
  const found = venue.status().series.find(({ exchange, symbol, interval }) => {
    return exchange === 'binance-futures' && symbol === 'BTC/USDT' && interval === '1m';
  });
  return found?.candles ?? 0;
}

describe('wick sync', () => {
  test('fills the catalogue, and the second time writes nothing', async () => {
    const first = await wick('sync', '--exchange', 'binance-futures', '--json');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(jsonOf(first)).toMatchObject({
      exchanges: [{ exchange: 'binance-futures', symbols: 4, trading: 4, delisted: [] }],
      failures: [],
    });
    const second = await wick('sync', '--exchange', 'binance-futures');
    expect(second.stdout).toBe('binance-futures: 4 symbols, 4 trading; nothing changed\n');
  });

  test('refuses a venue that does not exist', async () => {
    const ended = await wick('sync', '--exchange', 'mtgox', '--json');
    expect(jsonOf(ended)).toMatchObject({ error: { code: 'WICK_ETL_UNSUPPORTED' } });
    expect(ended.stderr).toContain('"mtgox"');
    expect(ended.code).toBe(2);
  });
});

describe('wick run', () => {
  test('stores the newest closed candles of a symbol in any spelling, and once', async () => {
    const first = await wick('run', '--mode', 'batch', ...ETH_1M, '--limit', '700', '--json');
    const asked = { from: '2025-06-14T23:04', to: '2025-06-15T10:44' };
    expect(jsonOf(first)).toMatchObject({
      series: 'binance-futures|perp|ETH/USDT|1m',
      runId: '1',
      fetched: 700,
      inserted: 700,
      revised: 0,
      unchanged: 0,
      quarantined: 0,
      from: expect.stringContaining(asked.from),
      to: expect.stringContaining(asked.to),
    });
    expect(await candles()).toBe(700);
    const again = await wick('run', ...ETH_1M, '--limit', '700');
    expect(again.stdout).toContain('inserted 0, closed 0, revised 0, unchanged 700, quarantined 0');
    expect(again).toMatchObject({ code: 0, stderr: '' });
  });

  test('finds the newest candles of a series that has ended', async () => {
    const ended = await wick('run', ...BTC_1M, '--limit', '5', '--json');
    expect(ended.stderr).toBe('');
    expect(jsonOf(ended)).toMatchObject({ fetched: 5, from: '2025-06-03T15:27:00.000Z' });
  });

  test('says so where the venue has fewer than were asked for', async () => {
    const all = await wick('run', ...BTC_1M, '--limit', '50000', '--json');
    expect(jsonOf(all)).toMatchObject({ fetched: 43_199 });
    expect(all.stderr).toContain('the venue has 43,199 closed candles, not 50,000');
  });

  test('stores a range', async () => {
    const range = ['--from', '2025-05-10', '--to', '2025-05-10T01:00:00Z'];
    expect(jsonOf(await wick('run', ...BTC_1M, ...range, '--json'))).toMatchObject({
      fetched: 60,
      from: '2025-05-10T00:00:00.000Z',
      to: '2025-05-10T01:00:00.000Z',
    });
  });

  test.each<[string, string[], string]>([
    ['a mode that streams', ['--mode', 'stream'], 'wick stream --exchange binance-futures'],
    ['an unknown interval', ['--tf', '7m'], '--tf is "7m"; give one of 1m, 3m'],
    ['a limit of nothing', ['--limit', '0'], '--limit is "0"'],
    ['an unknown symbol', ['--symbol', 'DOGEUSDT'], 'has no symbol "DOGEUSDT"; it has BTC/USDT'],
    ['a time without zone', ['--from', '2025-05-10 10:00'], '--from: "2025-05-10 10:00" is not'],
    ['a range backwards', ['--from', '2025-05-10', '--to', '2025-05-09'], 'does not lie after'],
    ['a future', ['--from', '2026-01-01'], 'has closed'],
    ['an end without a begin', ['--to', '2025-05-10'], '--to needs --from'],
  ])('refuses %s', async (_, args, told) => {
    const ended = await wick('run', ...BTC_1M, ...args);
    expect(ended.stderr).toContain(told);
    expect(ended.stdout).toBe('');
    expect(ended.code).toBe(2);
  });
});

describe('wick backfill', () => {
  test('says what it would do, and does nothing', async () => {
    const ended = await wick('backfill', ...BTC_1M, '--from', '2025-05-20', '--dry-run');
    expect(ended.stdout).toMatch(
      /^binance-futures\|perp\|BTC\/USDT\|1m {2}2025-05-20T00:00:00\.000Z to \S+Z {2}5 chunks {2}[\d,]+ candles$/m,
    );
    expect(ended.stdout).toMatch(
      /^5 chunks to read; at most [\d,]+ candles, about \d+ requests of weight \d+ in all, less than a minute/m,
    );
    const plan = jsonOf(
      await wick('backfill', ...BTC_1M, '--from', '2025-05-20', '--dry-run', '--json'),
    );
    expect(plan).toMatchObject({
      chunks: [{}, {}, {}, {}, {}],
      skipped: 0,
      estimate: { weight: expect.any(Number) },
    });
    expect(await candles()).toBe(0);
  });

  test('refuses a symbol that a venue does not have before it reads anything', async () => {
    const symbols = ['--symbol', 'btcusdt,DOGEUSDT'];
    const ended = await wick('backfill', ...BTC_1M, ...symbols, '--from', '2025-06-01', '--json');
    expect([ended.code, await candles()]).toEqual([2, 0]);
    expect(ended.stderr).toContain('has no symbol "DOGEUSDT"; it has BTC/USDT');
  });

  test('reads the other venues where one is down, and says so', async () => {
    const venues = ['--exchange', 'coinbase,binance-futures'];
    const range = ['--from', '2025-05-10', '--to', '2025-05-10T01:00:00Z'];
    const ended = await wick('backfill', ...BTC_1M, ...venues, ...range, '--json');
    expect([ended.code, await candles()]).toEqual([1, 60]);
    expect(ended.stderr).toMatch(/^wick: coinbase is not read: /m);
    expect(jsonOf(ended)).toMatchObject({
      inserted: 60,
      away: [{ exchange: 'coinbase', error: expect.any(String) }],
    });
  });

  test('killed in the middle it goes on where it was, and each candle is there once', async () => {
    gate = await startVenueGate(venue.urls['binance-futures'].baseUrl, 45);
    const { child, ended } = await start(['backfill', ...BTC_1M]);
    await expect.poll(() => gate?.pages(), POLL).toBeGreaterThan(45);
    await expect.poll(candles, POLL).toBeGreaterThan(10_000);
    child.kill('SIGKILL');
    await ended;
    const before = await candles();
    gate.open();
    const rest = await wick('backfill', ...BTC_1M, '--json');
    expect(rest.code).toBe(0);
    expect(rest.stderr).toMatch(/^\d+ %, .* left, at binance-futures\|perp\|BTC\/USDT\|1m /m);
    expect(jsonOf(rest)).toMatchObject({
      skipped: expect.any(Number),
      chunksLeft: 0,
      inserted: recorded() - before,
      failures: [],
    });
    expect(await candles()).toBe(recorded());
    const { rows } = await database.pool.query(
      `select state, count(*)::integer as n from market.ingest_runs
       where state <> 'done' group by 1`,
    );
    expect(rows).toEqual([{ state: 'failed', n: 1 }]);
  });
});
