import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { CONFIG_SCHEMA, type Config } from '#platform/config.ts';
import { systemClock } from '#platform/clock.ts';
import { Value } from 'typebox/value';
import { listVenueIds, openVenue, parseVenueId } from '../index.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const EXAMPLE = JSON.parse(
  readFileSync(join(PROJECT, 'sources', 'example-rates.json'), 'utf8'),
) as Record<string, unknown>;
const FOLDER = mkdtempSync(join(tmpdir(), 'wick-sources-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const config = (folder: string): Config =>
  Value.Parse(CONFIG_SCHEMA, {
    ...(Value.Default(CONFIG_SCHEMA, {}) as object),
    DB_PASSWORD: 'x',
    CDC_PASSWORD: 'x',
    CLICKHOUSE_PASSWORD: 'x',
    REDIS_PASSWORD: 'x',
    WEB_SOURCES_DIR: folder,
  });
const declare = (name: string, changes: Record<string, unknown>): void =>
  writeFileSync(join(FOLDER, name), JSON.stringify({ ...EXAMPLE, ...changes }));

describe('a venue', () => {
  beforeEach(() => {
    declare('a.json', { id: 'my-rates', enabled: true });
    declare('b.json', { id: 'my-other-rates', enabled: false });
    writeFileSync(join(FOLDER, 'notes.txt'), 'no source');
  });

  test('may be a bank, or a page that a user declared', async () => {
    const own = config(FOLDER);
    expect(listVenueIds(own)).toEqual([...listVenueIds(), 'my-rates']);
    expect(listVenueIds()).toEqual(expect.arrayContaining(['ecb', 'cbr', 'cnb', 'nbg']));
    for (const text of ['ecb', 'my-rates']) {
      const venue = openVenue(parseVenueId(text, own), own, { clock: systemClock });
      expect(venue).toMatchObject({ id: text, marketType: 'fx', intervals: ['1d'] });
      venue.close();
    }
    const venue = openVenue(parseVenueId('my-rates', own), own, { clock: systemClock });
    const instruments = await venue.fetchInstruments();
    expect(instruments.map(({ symbol }) => symbol)).toEqual(['USD/EUR', 'JPY/EUR', 'IDR/EUR']);
    venue.close();
  });

  test('that is not there is a typed error that lists those that are', () => {
    for (const text of ['my-other-rates', 'no-such', '']) {
      expect(() => parseVenueId(text, config(FOLDER))).toThrow(
        expect.objectContaining({
          code: 'WICK_ETL_UNSUPPORTED',
          message: expect.stringMatching(/^there is no exchange.*ecb, cbr, cnb, nbg, my-rates$/),
        }),
      );
    }
    expect(() => parseVenueId('my-rates')).toThrow('there is no exchange "my-rates"');
  });

  test.each([
    [{ id: 'ecb' }, '"id" is "ecb", which is a built-in venue'],
    [{ id: 'binance-futures' }, '"id" is "binance-futures", which is a built-in venue'],
    [{ id: 'my-rates' }, 'which is that of'],
    [{ rate: undefined }, 'the file lacks "rate"'],
  ])('declared with %j is refused, and stops no built-in one', (changes, problem) => {
    declare('c.json', changes);
    try {
      expect(parseVenueId('ecb', config(FOLDER))).toBe('ecb');
      expect(parseVenueId('binance-futures', config(FOLDER))).toBe('binance-futures');
      expect(() => parseVenueId('other-rates', config(FOLDER))).toThrow(
        expect.objectContaining({
          code: 'WICK_ETL_SOURCE_INVALID',
          message: expect.stringContaining(problem),
        }),
      );
      expect(() => parseVenueId('other-rates', config(FOLDER))).toThrow(join(FOLDER, 'c.json'));
    } finally {
      rmSync(join(FOLDER, 'c.json'));
    }
  });

  test('is not declared by the bundled example, nor by a folder that does not exist', () => {
    expect(listVenueIds(config('sources'))).toEqual(listVenueIds());
    expect(listVenueIds(config(join(FOLDER, 'none')))).toEqual(listVenueIds());
  });
});
