/**
 * `wick gaps` and `wick quarantine` as people call them: processes, on Postgres and recorded venues. One
 * venue plays a recording out of which four hours were cut, another one the whole of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRecordedVenue, type RecordedVenue } from '../../local/venues/recorded-venue.ts';
import { startEngines } from '../../tests/support/engines.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { SMALL_RECORDINGS } from '../../tests/support/wick-process.ts';

const database = usePostgres();
const WICK = join(import.meta.dirname, '..', 'wick.ts');
const SERIES = ['--exchange', 'binance-futures', '--symbol', 'BTC/USDT', '--tf', '1m'];
const FILE = 'BTCUSDT-1m.csv.gz';
/** Rows of the recording that are cut out: four hours from the second on. */
const CUT_FROM = 120;
const CUT_TO = CUT_FROM + 240;

let whole: RecordedVenue;
let cut: RecordedVenue;
let folder: string;
let rows: readonly string[];

const openTime = (row: number): string => new Date(Number(rows[row]?.split(',')[0])).toISOString();

beforeAll(async () => {
  const bytes = gunzipSync(await readFile(join(SMALL_RECORDINGS, FILE)));
  const [head = '', ...candles] = bytes.toString('utf8').trimEnd().split('\n');
  rows = candles;
  folder = await mkdtemp(join(tmpdir(), 'wick-cut-'));
  const left = [head, ...rows.slice(0, CUT_FROM), ...rows.slice(CUT_TO)];
  await writeFile(join(folder, 'BTCUSDT-1m.csv'), `${left.join('\n')}\n`);
  const logger = pino({ level: 'silent' });
  whole = await createRecordedVenue({ mode: 'once', directory: SMALL_RECORDINGS, logger });
  cut = await createRecordedVenue({ mode: 'once', directory: folder, logger });
});

afterAll(async () => {
  await whole.close();
  await cut.close();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  await database.pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.gaps`,
  );
});

async function wick(
  venue: RecordedVenue,
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const { set } = await startEngines(['postgres']);
  const child = spawn(process.execPath, [WICK, ...args], {
    env: {
      PATH: process.env['PATH'],
      ...set.env,
      DB_NAME: database.options.database,
      BINANCE_FUTURES_URL: venue.urls['binance-futures'].baseUrl,
      LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: child.exitCode, stdout, stderr };
}

const collect = (venue: RecordedVenue) =>
  wick(venue, 'run', ...SERIES, '--from', openTime(0), '--json');

async function gaps(...args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const { code, stdout } = await wick(whole, 'gaps', 'list', ...args, '--json');
  expect(code).toBe(0);
  const parsed: { gaps: Record<string, unknown>[] } = JSON.parse(stdout);
  return parsed.gaps;
}

describe('four hours that a venue does not have', () => {
  beforeEach(async () => {
    expect(await collect(cut)).toMatchObject({ code: 0 });
  });

  test('are missing, and repaired when it has them', async () => {
    const first = await wick(cut, 'gaps', 'repair', ...SERIES);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toBe(
      'binance-futures|perp|BTC/USDT|1m: found 240 missing, repaired 0, venue empty 0, ' +
        'unrepairable 0, still missing 240\n',
    );
    const gap = { from: openTime(CUT_FROM), to: openTime(CUT_TO), candles: 240 };
    expect(await gaps('--cause', 'missing')).toMatchObject([
      { ...gap, cause: 'missing', attempts: 1, emptyAnswers: 1, resolvedAt: null },
    ]);
    const second = await wick(whole, 'gaps', 'repair', '--json');
    expect(JSON.parse(second.stdout)).toMatchObject({
      series: [{ series: 'binance-futures|perp|BTC/USDT|1m', repaired: 240, stillMissing: 0 }],
    });
    expect(await gaps()).toMatchObject([
      { ...gap, cause: 'repaired', resolvedAt: expect.stringMatching(/Z$/) },
    ]);
    const stored = await database.pool.query('select from market.candles where is_closed');
    expect(stored.rowCount).toBe(rows.length);
  });

  test('are empty after two answers', async () => {
    await wick(cut, 'gaps', 'repair', ...SERIES);
    const { stdout } = await wick(cut, 'gaps', 'repair', ...SERIES);
    expect(stdout).toContain('venue empty 240');
    const list = await wick(cut, 'gaps', 'list');
    expect(list.stdout).toBe(
      `binance-futures|perp|BTC/USDT|1m  ${openTime(CUT_FROM)} to ${openTime(CUT_TO)}  240 candles  ` +
        'venue_empty  asked 2 times, answered 2 times without them\n',
    );
  });

  test('stay empty when the venue has them at last, until they are asked for again', async () => {
    for (let asked = 0; asked < 2; asked += 1) await wick(cut, 'gaps', 'repair', ...SERIES);
    const settled = await wick(whole, 'gaps', 'repair', ...SERIES);
    expect(settled.stdout).toContain('repaired 0');
    const again = await wick(whole, 'gaps', 'repair', ...SERIES, '--again');
    expect(again.stdout).toContain('repaired 240');
    expect(await gaps()).toMatchObject([{ cause: 'repaired', candles: 240 }]);
  });

  test('are filled on request only, marked, and give way to real ones', async () => {
    const range = ['--from', openTime(0), '--to', openTime(CUT_TO)];
    await wick(cut, 'gaps', 'repair', ...SERIES);
    const early = await wick(cut, 'gaps', 'fill', ...SERIES, ...range);
    expect(early.stdout, 'the venue may still have them').toContain(
      'filled 0 with made-up candles',
    );
    await wick(cut, 'gaps', 'repair', ...SERIES);
    const { stdout } = await wick(cut, 'gaps', 'fill', ...SERIES, ...range, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ series: [{ filled: 240, left: 0 }] });
    expect(await gaps()).toMatchObject([{ cause: 'synthetic', candles: 240 }]);
    const made = await database.pool.query(
      `select from market.candles
       where source = 'synthetic' and open = close and high = low and volume is null
         and close = (select close from market.candles where open_time = $1::timestamptz)`,
      [openTime(CUT_FROM - 1)],
    );
    expect(made.rowCount).toBe(240);
    // A survey does not take them for candles of the venue, nor their places for missing.
    const survey = await wick(cut, 'gaps', 'repair', ...SERIES);
    expect(survey.stdout).toContain('found 0 missing, repaired 0');
    expect(await gaps()).toMatchObject([{ cause: 'synthetic', candles: 240 }]);
    await collect(whole);
    await wick(whole, 'gaps', 'repair', ...SERIES);
    expect(await gaps()).toMatchObject([{ cause: 'repaired', candles: 240 }]);
    const revised = await database.pool.query(
      `select from market.candles where source = 'rest' and revision = 1`,
    );
    expect(revised.rowCount).toBe(240);
  });

  test('are only told by a dry run, which writes nothing', async () => {
    const before = await everyRun();
    const { code, stdout } = await wick(whole, 'gaps', 'repair', '--dry-run');
    expect([code, stdout]).toEqual([
      0,
      'binance-futures|perp|BTC/USDT|1m: 240 missing, 240 of them not in the ledger yet; ' +
        'nothing was written and nothing asked for\n' +
        `  would ask for ${openTime(CUT_FROM)} to ${openTime(CUT_TO)}\n`,
    ]);
    expect([await gaps(), await everyRun()]).toEqual([[], before]);
    // Nor where something is on record already, and would be asked for once more.
    for (let asked = 0; asked < 2; asked += 1) await wick(cut, 'gaps', 'repair', ...SERIES);
    const recorded = [await gaps(), await everyRun()];
    const again = await wick(whole, 'gaps', 'repair', '--dry-run', '--again', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({
      series: [
        {
          dryRun: true,
          found: 0,
          missing: 240,
          questions: [{ from: openTime(CUT_FROM), to: openTime(CUT_TO) }],
        },
      ],
    });
    expect([await gaps(), await everyRun()]).toEqual(recorded);
  });
});

async function everyRun(): Promise<unknown[]> {
  const found = await database.pool.query<Record<string, unknown>>(
    'select * from market.ingest_runs order by id',
  );
  return found.rows;
}

describe('rows in quarantine', () => {
  /** Stands for a row that was refused when the venue, or our rules, were worse than today. */
  async function park(row: number, reason: string): Promise<void> {
    await database.pool.query(
      `insert into market.quarantine
         (ingest_run_id, exchange, market_type, symbol, interval, open_time, reason, detail,
          raw_row, row_sha256)
       select id, exchange, market_type, symbol, interval, $1::timestamptz, $2::text, 'low 1',
              '[1]', sha256($1::text::bytea)
       from market.ingest_runs order by id limit 1`,
      [openTime(row), reason],
    );
  }

  beforeEach(async () => {
    await collect(cut);
    await park(CUT_FROM, 'ohlc_order');
    await park(CUT_FROM + 300, 'jump');
  });

  const waiting = async (): Promise<readonly Record<string, unknown>[]> => {
    const { stdout } = await wick(whole, 'quarantine', 'list', '--json');
    const parsed: { rows: Record<string, unknown>[] } = JSON.parse(stdout);
    return parsed.rows;
  };

  test('are listed with what was wrong and what was sent', async () => {
    const { stdout } = await wick(whole, 'quarantine', 'list', '--reason', 'ohlc_order');
    expect(stdout).toMatch(
      /^\d+ {2}binance-futures\|perp\|BTC\/USDT\|1m {2}\S+Z {2}ohlc_order: low 1\n$/,
    );
    expect(await waiting()).toMatchObject([
      { reason: 'jump', rawRow: '[1]', openTime: openTime(CUT_FROM + 300) },
      { reason: 'ohlc_order', exchange: 'binance-futures', symbol: 'BTC/USDT', interval: '1m' },
    ]);
  });

  test('are settled once their candle is stored, and stay while the venue has none', async () => {
    const dry = await wick(whole, 'quarantine', 'redrive', '--dry-run');
    expect(dry.stderr).toContain('2 rows would be asked for again');
    expect(await waiting()).toHaveLength(2);
    // The candle of the jump is stored already; that of the other row the cut venue does not have.
    const first = await wick(cut, 'quarantine', 'redrive');
    expect(first.stdout).toBe('1 of 2 rows settled, 1 refused again, 0 without a readable time\n');
    const second = await wick(whole, 'quarantine', 'redrive', '--json');
    expect(JSON.parse(second.stdout)).toMatchObject({
      dryRun: false,
      settled: [expect.any(String)],
      refused: [],
    });
    expect(await waiting()).toEqual([]);
    const again = await wick(whole, 'quarantine', 'redrive');
    expect([again.stdout, again.stderr]).toEqual(['', 'nothing waits in quarantine\n']);
  });
});

describe.each(['gaps', 'quarantine'])('the filters of %s list', (noun) => {
  beforeEach(async () => {
    await collect(cut);
  });

  test.each([
    ['--symbol', 'btcusdt'],
    ['--symbol', 'BTC-USDT', '--exchange', 'binance-futures'],
    ['--symbol', 'BTC/usdt', '--tf', '1m'],
    ['--exchange', 'binance-futures', '--json'],
  ])('take names in any spelling: %s %s', async (...filter) => {
    const ended = await wick(whole, noun, 'list', ...filter);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stderr).toMatch(/^(?:nothing waits in quarantine|no gaps are recorded)\n$/);
  });

  test.each<[string[], RegExp]>([
    [
      ['--exchange', 'binance-futurs'],
      /there is no exchange "binance-futurs"; there are binance-f/,
    ],
    [['--symbol', 'BTCUSDTT'], /--symbol "BTCUSDTT": no such series .*; there are BTC\/USDT$/m],
    [['--symbol', 'BTC', '--exchange', 'coinbase'], /no series of coinbase was ever collected/],
    [['--tf', '7m'], /--tf is "7m"; give one of 1m/],
    [['--limit', '0'], /--limit is "0"/],
    [['--since', 'yesterday'], /--since: "yesterday"/],
  ])('refuse %j', async (filter, message) => {
    const ended = await wick(whole, noun, 'list', ...filter);
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(message);
  });

  test('say where nothing of the kind was collected, which is no good news', async () => {
    const ended = await wick(whole, noun, 'list', '--symbol', 'BTC/USDT', '--tf', '1h');
    expect([ended.code, ended.stdout]).toEqual([1, '']);
    expect(ended.stderr).toMatch(/^no such series was ever collected; /);
  });
});

test.each([
  ['gaps', 'repair'],
  ['quarantine', 'redrive'],
])('%s %s refuses a misspelt symbol too', async (...command) => {
  await collect(cut);
  const ended = await wick(whole, ...command, '--symbol', 'BTCUSDTT');
  expect([ended.code, ended.stdout]).toEqual([2, '']);
  expect(ended.stderr).toContain('there are BTC/USDT');
});

test.each<[string, string[], RegExp]>([
  ['a cause of no kind', ['gaps', 'list', '--cause', 'lost'], /--cause is "lost"; give one of/],
  ['a width of no kind', ['gaps', 'repair', '--tf', '7m'], /--tf is "7m"/],
  [
    'a range backwards',
    ['gaps', 'repair', '--from', '2025-06-01', '--to', '2025-05-01'],
    /--to "2025/,
  ],
  ['a reason of no kind', ['quarantine', 'list', '--reason', 'ugly'], /--reason is "ugly"/],
  ['acceptance without a look', ['quarantine', 'redrive', '--accept'], /look at them with/],
])('%s is wrong usage', async (_, args, message) => {
  const { code, stdout, stderr } = await wick(whole, ...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(message);
});
