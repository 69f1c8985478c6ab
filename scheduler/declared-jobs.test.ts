/** What a jobs file may say, and how it is told what is wrong with it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seriesKey } from '#core/candle.ts';
import { INTERVALS } from '#core/interval.ts';
import { resolveJobs, type DeclaredContext } from './declared-jobs.ts';
import { JOB_KINDS } from './job-kinds.ts';
import type { Job } from './job.ts';
import { parseJobsFile } from './jobs-file.ts';

const BTC = 'binance-futures|perp|BTC/USDT|1m';
const CONTEXT: DeclaredContext = {
  kinds: JOB_KINDS,
  config: { COLLECT_CRON: '3 * * * * *', WEB_SOURCES_DIR: 'sources', COLLECT_SERIES: BTC },
  venueOf: () => ({ marketType: 'perp', intervals: INTERVALS.filter((each) => each !== '3d') }),
};

function resolve(text: string, changes: Partial<DeclaredContext> = {}): readonly Job[] {
  return resolveJobs(parseJobsFile(text, 'jobs.json'), { ...CONTEXT, ...changes });
}

/** A file with one declaration a line, the first in line 2. */
function fileOf(...jobs: readonly object[]): string {
  return `{"jobs": [\n${jobs.map((job) => JSON.stringify(job)).join(',\n')}\n]}`;
}

const COLLECT = { name: 'a', kind: 'collect', cron: '* * * * *', series: [BTC] };
const SYNC = { name: 'b', kind: 'sync', cron: '* * * * *', exchanges: ['binance-futures'] };

describe('the file that is shipped', () => {
  const text = readFileSync(join(import.meta.dirname, 'jobs.json'), 'utf8');

  test('collects what COLLECT_SERIES says when COLLECT_CRON says, from the start on', () => {
    const config = {
      ...CONTEXT.config,
      COLLECT_CRON: '7 * * * * *',
      COLLECT_SERIES: `${BTC},${BTC.replace('B', 'C')}`,
    };
    const collect = resolve(text, { config }).find(({ name }) => name === 'collect');
    expect(collect).toMatchObject({ kind: 'collect', atStart: true, retries: 0 });
    expect(collect?.timing?.text).toBe('cron 7 * * * * *');
    expect(collect?.series.map((series) => seriesKey(series))).toEqual(
      config.COLLECT_SERIES.split(','),
    );
  });

  test('keeps house', () => {
    expect(resolve(text).find(({ kind }) => kind === 'housekeeping')).toMatchObject({ series: [] });
  });

  test('keeps the catalogues of all venues in use up to date', () => {
    const sync = resolve(text).find(({ kind }) => kind === 'sync');
    expect(sync).toMatchObject({ exchanges: [], usedVenues: true });
  });

  test.each(['gaps', 'funding'])('looks after whatever is collected or stored: %s', (kind) => {
    const job = resolve(text).find((each) => each.kind === kind);
    expect(job?.stored).toBe(true);
    expect(job?.series.map((series) => seriesKey(series))).toEqual([BTC]);
  });
});

test('jobs may follow others, however they are ordered', () => {
  const { cron: _, ...collect } = COLLECT;
  const [first, second] = resolve(fileOf({ ...collect, after: ['b'] }, SYNC));
  expect(first).toMatchObject({ after: ['b'], timing: null });
  expect(second).toMatchObject({ after: [] });
});

describe('words stand for lists', () => {
  const jobOf = (changes: object): Job | undefined =>
    resolve(fileOf({ ...COLLECT, ...changes }))[0];

  test('STORED for what Postgres holds, alone or beside others', () => {
    expect(jobOf({})).toMatchObject({ stored: false });
    expect(jobOf({ series: 'STORED' })).toMatchObject({ stored: true, series: [] });
    const both = jobOf({ series: ['STORED', BTC.replace('1m', '1h'), 'COLLECT_SERIES', BTC] });
    expect(both?.stored).toBe(true);
    expect(both?.series.map((series) => seriesKey(series))).toEqual([BTC.replace('1m', '1h'), BTC]);
  });

  test('USED for the venues that are in use, alone or beside others', () => {
    const [sync] = resolve(fileOf({ ...SYNC, exchanges: ['USED', 'coinbase'] }));
    expect(sync).toMatchObject({ usedVenues: true, exchanges: ['coinbase'] });
    expect(resolve(fileOf(SYNC))[0]).toMatchObject({ usedVenues: false });
  });
});

test('series may be selected from the catalogue', () => {
  const { series: _, ...collect } = COLLECT;
  const select = { exchange: 'binance-futures', quote: 'USDT', intervals: ['1h', '1d'] };
  expect(resolve(fileOf({ ...collect, select }))[0]?.select).toMatchObject(select);
});

describe('a file is refused with its line', () => {
  const { cron: _cron, ...timeless } = COLLECT;
  const cases: [string, string, string][] = [
    ['is no JSON', '{\n "jobs": [\n,]}', 'jobs.json:3: this is not JSON'],
    ['has no jobs', '{\n"jobs": []}', 'jobs.json:2: jobs'],
    ['has a key that nobody knows', fileOf(SYNC, { ...COLLECT, crom: '' }), 'jobs.json:3: jobs/1'],
    [
      'names an unknown kind',
      fileOf({ ...SYNC, kind: 'dance' }),
      'jobs.json:2: jobs/0/kind is "dance"',
    ],
    [
      'has a bad cron',
      fileOf(SYNC, { ...COLLECT, cron: 'soon' }),
      'jobs.json:3: jobs/1/cron is "soon"',
    ],
    ['names an unknown venue', fileOf({ ...SYNC, exchanges: ['mtgox'] }), '"mtgox"'],
    [
      'has a series of an unknown venue',
      fileOf({ ...COLLECT, series: [BTC, 'mtgox|spot|BTC/USD|1m'] }),
      'jobs.json:2: jobs/0/series/1 names no venue',
    ],
    [
      'has something else as a series',
      fileOf({ ...COLLECT, series: ['BTCUSDT'] }),
      'is "BTCUSDT", not',
    ],
    [
      'has a word that nobody knows as series',
      fileOf({ ...COLLECT, series: ['STORE'] }),
      'jobs/0/series/0 is "STORE", not exchange|market_type|symbol|interval',
    ],
    [
      'has an interval that nobody has',
      fileOf({ ...COLLECT, series: [BTC.replace('1m', '7m')] }),
      'jobs.json:2: jobs/0/series/0 is "',
    ],
    [
      'has an interval that the venue does not have',
      fileOf({ ...COLLECT, series: [BTC.replace('1m', '3d')] }),
      'jobs.json:2: jobs/0/series/0 asks binance-futures for "3d"',
    ],
    [
      'has another market type than the venue',
      fileOf({ ...COLLECT, series: [BTC.replace('perp', 'spot')] }),
      'asks binance-futures for "spot"',
    ],
    [
      'names a job twice',
      fileOf(SYNC, { ...COLLECT, name: 'b' }),
      'jobs.json:3: jobs/1/name is "b"',
    ],
    [
      'waits for nobody',
      fileOf({ ...timeless, after: ['x'] }),
      'jobs.json:2: jobs/0/after/0 is "x"',
    ],
    [
      'waits in a circle',
      fileOf(SYNC, { ...timeless, after: ['c'] }, { ...timeless, name: 'c', after: ['b', 'a'] }),
      'jobs.json:3: jobs/1/after makes jobs wait in a circle: a after c after a',
    ],
    ['waits for itself', fileOf({ ...timeless, after: ['a'] }), 'a after a'],
    ['says nothing of when', fileOf(timeless), 'exactly one of'],
    [
      'says two things of when',
      fileOf({ ...COLLECT, atClose: { interval: '1m' } }),
      'exactly one of',
    ],
    ['has no series to collect', fileOf({ ...SYNC, kind: 'collect' }), 'needs either "series" or'],
    ['has series to sync', fileOf({ ...COLLECT, kind: 'sync' }), 'needs "exchanges"'],
    [
      'keeps house for a series',
      fileOf({ name: 'b', kind: 'housekeeping', cron: '* * * * *', series: [BTC] }),
      'jobs.json:2: jobs/0 is of kind "housekeeping" and takes neither',
    ],
    ['has a bad retry', fileOf(SYNC, { ...COLLECT, retries: -1 }), 'jobs.json:3: jobs/1/retries'],
  ];
  test.each(cases)('when it %s', (_name, text, told) => {
    const error = expect.objectContaining({ code: 'WICK_SCHEDULER_JOBS_INVALID' });
    expect(() => resolve(text)).toThrow(error);
    expect(() => resolve(text)).toThrow(told);
  });

  test('also where the cron comes from the environment', () => {
    const config = { ...CONTEXT.config, COLLECT_CRON: 'never' };
    const text = fileOf({ ...COLLECT, cron: 'COLLECT_CRON' });
    expect(() => resolve(text, { config })).toThrow('takes COLLECT_CRON, which is "never"');
  });
});
