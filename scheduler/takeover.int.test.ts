/**
 * Two schedulers as production runs them, on a real Postgres and a recorded venue. One is killed in
 * the middle of its run; what it stored stays, and the other one does the rest.
 */
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRecordedVenue, type RecordedVenue } from '../local/venues/recorded-venue.ts';
import { freeStackPorts } from '../local/stack/stack-ports.ts';
import { startEngines } from '../tests/support/engines.ts';
import { unexpectedOwnLines } from '../tests/support/log-scan.ts';
import { startOwnProcess, type OwnProcess } from '../tests/support/own-process.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { startVenueGate, type VenueGate } from '../tests/support/venue-gate.ts';

const database = usePostgres();
const SYMBOLS = ['BTC/USDT', 'SOL/USDT', 'XRP/USDT'];
/** After so many pages some batches are stored, and most are still to come. */
const PAGES_BEFORE_KILL = 100;
const POLL = { timeout: 50_000, interval: 50 };

let venue: RecordedVenue;
let gate: VenueGate;
/** By its address. */
const schedulers = new Map<string, OwnProcess>();

async function startScheduler(): Promise<void> {
  const { set } = await startEngines(['postgres']);
  const port = String((await freeStackPorts()).scheduler);
  const url = `http://127.0.0.1:${port}`;
  const scheduler = await startOwnProcess({
    name: 'scheduler',
    entry: 'scheduler/main.ts',
    env: {
      ...set.env,
      DB_NAME: database.options.database,
      BINANCE_FUTURES_URL: gate.url,
      SCHEDULER_HTTP_PORT: port,
      COLLECT_SERIES: SYMBOLS.map((symbol) => `binance-futures|perp|${symbol}|1m`).join(','),
      COLLECT_CRON: '* * * * * *',
      COLLECT_HISTORY_DAYS: '60',
      LOG_LEVEL: 'info',
    },
    readyUrl: `${url}/health/live`,
    folders: { logs: set.logs, run: set.run, data: join(set.folder, 'data') },
  });
  schedulers.set(url, scheduler);
}

beforeAll(async () => {
  const logger = pino({ level: 'silent' });
  venue = await createRecordedVenue({ mode: 'once', logger });
  gate = await startVenueGate(venue.urls['binance-futures'].baseUrl, PAGES_BEFORE_KILL);
});

afterAll(async () => {
  gate.open();
  await Promise.all([...schedulers.values()].map((each) => each.stop()));
  gate.close();
  await venue.close();
});

async function rows<T extends object>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
  return (await database.pool.query<T>(sql, [...values])).rows;
}

async function storedCandles(): Promise<number> {
  const [row] = await rows<{ n: string }>('select count(*) as n from market.candles');
  return Number(row?.n ?? 0);
}

interface Run {
  readonly due_at: number;
  readonly attempt: number;
  readonly worker: string;
  readonly state: string;
  readonly error: string | null;
  readonly finished_at: string | null;
}

const collectRuns = (): Promise<Run[]> =>
  rows<Run>(
    `select due_at, attempt, worker, state, error, finished_at::text from market.job_runs
     where job = 'collect' order by id limit 2`,
  );

test('a scheduler that is killed in its run is taken over, and each candle is there once', async () => {
  await startScheduler();
  await startScheduler();
  await expect.poll(() => gate.pages(), POLL).toBeGreaterThan(PAGES_BEFORE_KILL);
  await expect.poll(storedCandles, POLL).toBeGreaterThan(0);
  const [first] = await collectRuns();
  const both = [...schedulers.values()];
  const victim = both.find(({ pid }) => first?.worker.endsWith(`:${pid}`));
  const heir = both.find((each) => each !== victim);
  expect(first).toMatchObject({ state: 'running', attempt: 1 });
  await victim?.kill();
  const before = await storedCandles();
  gate.open();

  const isDone = async () => (await collectRuns()).map(({ state }) => state);
  await expect.poll(isDone, POLL).toEqual(['failed', 'done']);
  const [abandoned, second] = await collectRuns();
  expect(abandoned?.error).toMatch(/^abandoned/);
  expect(second).toMatchObject({ attempt: 2, due_at: first?.due_at, error: null });
  expect(second?.worker).toMatch(new RegExp(`:${heir?.pid}$`));

  const recorded = venue.status().series.filter(({ exchange, symbol, interval }) => {
    return exchange === 'binance-futures' && interval === '1m' && SYMBOLS.includes(symbol);
  });
  const stored = await rows<object>(
    `select symbol, count(*)::integer as candles, max(revision) as revisions
     from market.candles where is_closed group by symbol order by symbol`,
  );
  expect(stored).toEqual(
    recorded.map(({ symbol, candles }) => ({ symbol, candles, revisions: 0 })),
  );
  // What the killed one had stored was not written again: all inserts together are the candles. Its
  // runs are closed; those that are open by now belong to a later tick.
  const [sum] = await rows<{ inserted: string; open: string }>(
    `select sum(inserted + closed) as inserted,
       count(*) filter (where state = 'running' and started_at < $1::timestamptz) as open
     from market.ingest_runs`,
    [second?.finished_at],
  );
  const total = recorded.reduce((count, { candles }) => count + candles, 0);
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(total);
  expect(sum).toEqual({ inserted: String(total), open: '0' });
});

test('the one that is left is ready, counts by job and had nothing to complain of', async () => {
  const answers = await Promise.allSettled(
    [...schedulers].map(async ([url, heir]) => {
      const ready = await fetch(`${url}/health/ready`);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return { ready: ready.status, metrics, log: await heir.readLog() };
    }),
  );
  const [heir, ...others] = answers.filter((answer) => answer.status === 'fulfilled');
  expect(others).toEqual([]);
  expect(heir?.value.ready).toBe(200);
  expect(heir?.value.metrics).toMatch(/wick_job_runs_total\{job="collect",state="done".*\} [1-9]/);
  expect(heir?.value.log).toContain('taking over from a dead scheduler');
  expect(unexpectedOwnLines(heir?.value.log ?? '', [/redis is away/])).toEqual([]);
});
