/** Facts of real markets: dates on which they are known to have traded, or not. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendarOf, countExpected, expectedOpens, firstExpected } from './calendar.ts';
import { easterSunday } from './holidays.ts';
import { INTERVALS, isOnGrid, nextOpen } from './interval.ts';
import { epochMs, formatInstant, parseInstant } from './time.ts';

type Grid = Parameters<typeof countExpected>[0];

const opens = (grid: Grid, from: string, to: string): string[] =>
  [...expectedOpens(grid, parseInstant(from), parseInstant(to))].map((time) =>
    formatInstant(time).slice(0, 16),
  );
const days = (grid: Grid, from: string, to: string): string[] =>
  opens(grid, `${from}T00:00Z`, `${to}T00:00Z`).map((time) => time.slice(0, 10));
const count = (grid: Grid, from: string, to: string): number =>
  countExpected(grid, parseInstant(from), parseInstant(to));

const ALWAYS = { calendar: 'always' } as const;
const FX = { calendar: 'fx-week' } as const;
const TARGET = { calendar: 'target', interval: '1d' } as const;
const NYSE = { calendar: 'nyse', interval: '1d' } as const;

test('a calendar follows from the market type, and of some exchanges from their name', () => {
  expect(calendarOf('binance-futures', 'perp')).toBe('always');
  expect(calendarOf('coinbase', 'spot')).toBe('always');
  expect(calendarOf('oanda', 'fx')).toBe('fx-week');
  expect(calendarOf('ecb', 'fx')).toBe('target');
  expect(calendarOf('cnb', 'fx')).toBe('weekdays-cz');
  expect(calendarOf('nbg', 'fx')).toBe('after-weekdays-ge');
  expect(calendarOf('cbr', 'fx')).toBe('after-weekdays-ru');
  expect(calendarOf('nyse', 'equity')).toBe('nyse');
});

describe('a market that never shuts', () => {
  test('has every grid point of the range, the end not among them', () => {
    const grid = { ...ALWAYS, interval: '1h' } as const;
    expect(opens(grid, '2025-06-01T00:30Z', '2025-06-01T03:00Z')).toEqual([
      '2025-06-01T01:00',
      '2025-06-01T02:00',
    ]);
    expect(count(grid, '2025-06-01T00:00Z', '2025-06-01T00:00Z')).toBe(0);
    expect(count({ ...ALWAYS, interval: '1m' }, '2024-01-01T00:00Z', '2025-01-01T00:00Z')).toBe(
      366 * 1440,
    );
  });

  test('has weeks from Monday on, others where the series shows it', () => {
    const week = { ...ALWAYS, interval: '1w' } as const;
    expect(days(week, '2025-06-01', '2025-06-15')).toEqual(['2025-06-02', '2025-06-09']);
    const sunday = { ...week, anchor: parseInstant('2025-01-05T00:00Z') };
    expect(days(sunday, '2025-06-01', '2025-06-15')).toEqual(['2025-06-01', '2025-06-08']);
    expect(days({ ...ALWAYS, interval: '1M' }, '2025-01-15', '2025-04-01')).toEqual([
      '2025-02-01',
      '2025-03-01',
    ]);
  });
});

describe('currencies', () => {
  const hour = { ...FX, interval: '1h' } as const;

  test('trade from Sunday to Friday 17:00 New York, an hour earlier in summer', () => {
    expect(opens(hour, '2025-01-10T20:00Z', '2025-01-12T23:30Z')).toEqual([
      '2025-01-10T20:00',
      '2025-01-10T21:00',
      '2025-01-12T22:00',
      '2025-01-12T23:00',
    ]);
    expect(opens(hour, '2025-06-13T20:00Z', '2025-06-15T22:30Z')).toEqual([
      '2025-06-13T20:00',
      '2025-06-15T21:00',
      '2025-06-15T22:00',
    ]);
  });

  test('open by UTC an hour earlier from the Sunday on which clocks go forward', () => {
    // New York moves on Sunday 2025-03-09 and 2025-11-02, before the market opens.
    expect(count(hour, '2025-03-03T00:00Z', '2025-03-08T00:00Z')).toBe(118);
    expect(opens(hour, '2025-03-09T20:00Z', '2025-03-09T22:00Z')).toEqual(['2025-03-09T21:00']);
    expect(opens(hour, '2025-11-02T20:00Z', '2025-11-02T23:00Z')).toEqual(['2025-11-02T22:00']);
    // Until 2006 summer began in April.
    expect(opens(hour, '2006-03-26T20:00Z', '2006-03-26T23:00Z')).toEqual(['2006-03-26T22:00']);
  });

  test('rest over Christmas and New Year’s Day, from 17:00 to 17:00', () => {
    expect(opens(hour, '2018-12-24T21:00Z', '2018-12-25T23:00Z')).toEqual([
      '2018-12-24T21:00',
      '2018-12-25T22:00',
    ]);
    expect(count(hour, '2024-12-31T22:00Z', '2025-01-01T22:00Z')).toBe(0);
  });

  test('have a candle wherever its time overlaps the session', () => {
    expect(days({ ...FX, interval: '1d' }, '2025-06-12', '2025-06-17')).toEqual([
      '2025-06-12',
      '2025-06-13',
      '2025-06-15',
      '2025-06-16',
    ]);
    expect(opens({ ...FX, interval: '4h' }, '2025-06-13T16:00Z', '2025-06-16T01:00Z')).toEqual([
      '2025-06-13T16:00',
      '2025-06-13T20:00',
      '2025-06-15T20:00',
      '2025-06-16T00:00',
    ]);
  });
});

describe('the ECB', () => {
  test('publishes on weekdays but for six holidays', () => {
    expect(days(TARGET, '2025-04-16', '2025-04-24')).toEqual([
      '2025-04-16',
      '2025-04-17',
      '2025-04-22',
      '2025-04-23',
    ]);
    for (const shut of ['2024-05-01', '2024-12-25', '2024-12-26', '2025-01-01', '2020-04-10']) {
      expect(firstExpected(TARGET, parseInstant(`${shut}T00:00Z`)), shut).toBeGreaterThan(
        parseInstant(`${shut}T00:00Z`),
      );
    }
    // Days in and between years: 365 less 104 weekend days and six holidays, one of them a Sunday.
    expect(count(TARGET, '2025-01-01T00:00Z', '2026-01-01T00:00Z')).toBe(255);
  });
});

describe('New York', () => {
  test('has 252 days in 2024, and 250 in 2025 with a day of mourning', () => {
    expect(count(NYSE, '2024-01-01T00:00Z', '2025-01-01T00:00Z')).toBe(252);
    expect(count(NYSE, '2025-01-01T00:00Z', '2026-01-01T00:00Z')).toBe(250);
  });

  test('was shut for four days in September 2001', () => {
    expect(days(NYSE, '2001-09-10', '2001-09-18')).toEqual(['2001-09-10', '2001-09-17']);
  });

  test('moves holidays off the weekend, but not New Year’s Day back into December', () => {
    expect(days(NYSE, '2021-12-23', '2022-01-04')).not.toContain('2021-12-24');
    expect(days(NYSE, '2021-12-30', '2022-01-04')).toEqual([
      '2021-12-30',
      '2021-12-31',
      '2022-01-03',
    ]);
    expect(days(NYSE, '2022-06-17', '2022-06-22')).toEqual(['2022-06-17', '2022-06-21']);
    // Juneteenth came in 2022.
    expect(days(NYSE, '2020-06-19', '2020-06-20')).toEqual(['2020-06-19']);
  });

  test('is open from 9:30 to 16:00 by its own clock', () => {
    const half = { ...NYSE, interval: '30m' } as const;
    const winter = opens(half, '2025-01-10T00:00Z', '2025-01-11T00:00Z');
    expect([winter[0], winter.at(-1), winter.length]).toEqual([
      '2025-01-10T14:30',
      '2025-01-10T20:30',
      13,
    ]);
    expect(opens(half, '2025-07-01T00:00Z', '2025-07-02T00:00Z')[0]).toBe('2025-07-01T13:30');
  });
});

/** Weekdays of a range on which the calendar has nothing. */
function weekdaysWithout(grid: Grid, from: string, to: string): string[] {
  const expected = new Set(days(grid, from, to));
  const weekdays = days({ calendar: 'weekdays', interval: '1d' }, from, to);
  return weekdays.filter((day) => !expected.has(day));
}

function recorded(file: string): string[] {
  const text = readFileSync(join(import.meta.dirname, 'fixtures', file), 'utf8');
  return text.trim().split('\n');
}

describe('recorded history', () => {
  test('has rates of the ECB on the days that are expected, since 1999', () => {
    const absent = recorded('ecb-weekdays-without-rates.txt');
    expect(weekdaysWithout(TARGET, '1999-01-04', '2026-10-31')).toEqual(absent);
  });

  test('has sessions of New York on the days that are expected, since 1998', () => {
    const absent = recorded('nyse-weekdays-without-session.txt');
    expect(weekdaysWithout(NYSE, '1998-01-02', '2021-04-01')).toEqual(absent);
  });
});

test.each([
  [1999, '1999-04-04'],
  [2000, '2000-04-23'],
  [2008, '2008-03-23'],
  [2011, '2011-04-24'],
  [2025, '2025-04-20'],
  [2038, '2038-04-25'],
])('Easter of %i is on %s', (year, date) => {
  expect(easterSunday(year) * 86_400_000).toBe(Date.parse(date));
});

test('whatever the calendar, open times rise, lie on the grid, and are counted as they are', () => {
  const calendars = [
    'always',
    'fx-week',
    'nyse',
    'target',
    'weekdays',
    'weekdays-cz',
    'after-weekdays-ge',
    'after-weekdays-ru',
  ] as const;
  fc.assert(
    fc.property(
      fc.constantFrom(...calendars),
      fc.constantFrom(...INTERVALS),
      fc.integer({ min: Date.UTC(1998, 0, 1), max: Date.UTC(2035, 0, 1) }),
      fc.integer({ min: 0, max: 400 }),
      (calendar, interval, start, width) => {
        const grid = { calendar, interval };
        const from = epochMs(start);
        const to = epochMs(
          Math.min(start + width * (nextOpen(interval, from) - from), start + 86_400_000 * 900),
        );
        const found = [...expectedOpens(grid, from, to)];
        expect(found.length).toBe(countExpected(grid, from, to));
        let last = -Infinity;
        for (const open of found) {
          expect(open).toBeGreaterThan(last);
          expect(isOnGrid(interval, open)).toBe(true);
          // Asked from the middle of nowhere, the same points come out.
          expect(firstExpected(grid, epochMs(Math.max(from, last + 1)))).toBe(open);
          last = open;
        }
      },
    ),
    { numRuns: 150, seed: 20_250_601 },
  );
});
