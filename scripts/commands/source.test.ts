/** The command as a user meets it: what is printed where, and how it ends. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { syntheticRatesPage } from '../../tests/support/rate-pages.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const EXAMPLE = join(CHECKOUT, 'sources', 'example-rates.json');
const FOLDER = mkdtempSync(join(tmpdir(), 'wick-source-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Result> {
  return new Promise((done) => {
    const wick = join(CHECKOUT, 'scripts', 'wick.ts');
    const command = [wick, 'source', 'try', ...args];
    execFile(process.execPath, command, { env: {} }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

function save(name: string, text: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, text);
  return path;
}

const jsonLines = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

test('a page that fits its declaration is told as JSON lines', async () => {
  const page = save('good.html', syntheticRatesPage('5 April 2016'));
  const { code, stdout, stderr } = await run(EXAMPLE, '--page', page);
  expect(stderr).toBe('');
  expect(jsonLines(stdout)).toMatchObject([
    { symbol: 'USD/EUR', day: '2016-04-05', rate: '0.9134' },
    { symbol: 'JPY/EUR', day: '2016-04-05', rate: '0.005821' },
    { symbol: 'IDR/EUR', day: '2016-04-05', rate: '1.2345' },
  ]);
  expect(code).toBe(0);
});

test('a refused rate is told on stderr, the others all the same, and the command fails', async () => {
  const page = save('bad.html', syntheticRatesPage('5 April 2016').replace('0,5821', 'n/a'));
  const { code, stdout, stderr } = await run(EXAMPLE, '--page', page);
  expect(jsonLines(stdout)).toHaveLength(2);
  expect(jsonLines(stderr)).toMatchObject([
    { symbol: 'JPY/EUR', reason: 'not_a_number', row: { rate: 'n/a' } },
  ]);
  expect(code).toBe(1);
});

test('a page without any of the symbols fails', async () => {
  const page = save('other.html', syntheticRatesPage('5 April 2016').replaceAll('to=', 'to=X'));
  const { code, stdout, stderr } = await run(EXAMPLE, '--page', page);
  expect(stdout).toBe('');
  expect(stderr).toContain('has a row for none of the symbols');
  expect(code).toBe(1);
});

test('a page that does not fit is told by the field of the declaration', async () => {
  const page = save('good.html', syntheticRatesPage('5 April 2016'));
  const tell = async (changes: Record<string, unknown>): Promise<string> => {
    const example: unknown = JSON.parse(readFileSync(EXAMPLE, 'utf8'));
    const own = save('own.json', JSON.stringify(Object.assign({}, example, changes)));
    return (await run(own, '--page', page)).stderr;
  };
  expect(await tell({ rows: 'table.rate tr' })).toMatch(
    /good\.html" cannot be read by ".*own\.json": "rows" selects no row: "table\.rate tr"; correct/,
  );
  const heading = { from: 'page', selector: 'h1', format: 'YYYY-MM-DD' };
  expect(await tell({ date: heading })).toContain(
    '"date.format" is "YYYY-MM-DD", but the page says "Rates of 5 April 2016"',
  );
  expect(await tell({ date: { ...heading, pattern: 'on (.*)' } })).toContain(
    '"date.pattern" is "on (.*)", which does not match "Rates of 5 April 2016"',
  );
  expect(await tell({ date: { ...heading, selector: 'h7' } })).toContain(
    '"date.selector" finds no day: "h7"',
  );
  expect(await tell({ rate: { cell: 9 } })).toContain('finds nothing in the row: {\\"cell\\":9}');
  expect(await tell({ numbers: { decimal: '.', thousands: '' } })).toContain(
    'where \\".\\" marks decimals and none thousands',
  );
  expect(await tell({ symbols: { CHF: 'CHF' } })).toContain('it has "USD", "JPY", "IDR", "XAU"');
  expect(await tell({ date: { from: 'url' } })).toMatch(/takes the day from the address; .*--day/);
});

test('a broken declaration is told by file and field, a missing file as wrong usage', async () => {
  const page = save('good.html', syntheticRatesPage('5 April 2016'));
  const broken = save('broken.json', '{"id":"broken"}');
  const told = await run(broken, '--page', page);
  expect(told.stderr).toMatch(/the web source ".*broken\.json" cannot be used: the file lacks/);
  expect(told.code).toBe(1);
  const missing = await run(EXAMPLE, '--page', join(FOLDER, 'none.html'));
  expect(missing.code).toBe(2);
  const odd = await run(EXAMPLE, '--page', page, '--day', 'today');
  expect(odd.stderr).toContain('--day is "today"');
  expect(odd.code).toBe(2);
});
