/**
 * Facts that rules are held against. The Czech National Bank numbers its sheets within the year, so one
 * number vouches for every working day before it; the others are dates that sheets are known to bear.
 */
import { describe, expect, test } from 'vitest';
import { orthodoxEaster } from './bank-holidays.ts';
import { expectedOpens, type CalendarId } from './calendar.ts';
import { formatInstant, parseInstant } from './time.ts';

const days = (calendar: CalendarId, from: string, to: string): string[] =>
  [
    ...expectedOpens(
      { calendar, interval: '1d' },
      parseInstant(`${from}T00:00Z`),
      parseInstant(`${to}T00:00Z`),
    ),
  ].map((time) => formatInstant(time).slice(0, 10));

describe('the Czech National Bank', () => {
  test.each([
    // "05.04.2016 #65" begins the recorded sheet; "18.07.2018 #136" one in danielkresta/currency-converter.
    ['2016', '2016-04-05', 65],
    ['2018', '2018-07-18', 136],
  ])('in %s tells on %s the sheet of number %i', (year, day, number) => {
    const told = days('weekdays-cz', `${year}-01-01`, `${year}-12-31`);
    expect(told[number - 1]).toBe(day);
  });

  test('rests on Good Friday since 2016, and does not move holidays off the weekend', () => {
    expect(days('weekdays-cz', '2015-04-02', '2015-04-08')).toEqual([
      '2015-04-02',
      '2015-04-03',
      '2015-04-07',
    ]);
    expect(days('weekdays-cz', '2016-03-24', '2016-03-30')).toEqual(['2016-03-24', '2016-03-29']);
    // 5 and 6 July 2025 are a Saturday and a Sunday.
    expect(days('weekdays-cz', '2025-07-04', '2025-07-08')).toEqual(['2025-07-04', '2025-07-07']);
  });
});

describe('the National Bank of Georgia', () => {
  test('has rates on the days after working days, never on Sunday and Monday', () => {
    expect(days('after-weekdays-ge', '2022-08-01', '2022-08-10')).toEqual([
      '2022-08-02',
      '2022-08-03',
      '2022-08-04',
      '2022-08-05',
      '2022-08-06',
      '2022-08-09',
    ]);
  });

  test('sets none on a holiday, so that the day after has none', () => {
    // Orthodox Easter was on 2024-05-05: Friday before and Monday after, 9 May a Thursday.
    expect(days('after-weekdays-ge', '2024-05-01', '2024-05-12')).toEqual([
      '2024-05-01',
      '2024-05-02',
      '2024-05-03',
      '2024-05-08',
      '2024-05-09',
      '2024-05-11',
    ]);
  });
});

describe('the Bank of Russia', () => {
  test.each(['2016-12-09', '2023-09-27', '2025-04-01', '2025-04-04', '2025-12-13'])(
    'has rates for %s, as a sheet says',
    (day) => {
      const [first] = days('after-weekdays-ru', day, '2026-01-01');
      expect(first).toBe(day);
    },
  );

  test('has none for the days after the holidays of January and those of one day', () => {
    expect(days('after-weekdays-ru', '2024-12-31', '2025-01-12')).toEqual([
      '2024-12-31',
      '2025-01-01',
      '2025-01-10',
      '2025-01-11',
    ]);
    // 12 June 2025 is a Thursday; Friday's rate is not set.
    expect(days('after-weekdays-ru', '2025-06-11', '2025-06-15')).toEqual([
      '2025-06-11',
      '2025-06-12',
      '2025-06-14',
    ]);
  });
});

test.each([
  [2016, '2016-05-01'],
  [2021, '2021-05-02'],
  [2024, '2024-05-05'],
  [2025, '2025-04-20'],
])('Orthodox Easter of %i is on %s', (year, date) => {
  expect(orthodoxEaster(year) * 86_400_000).toBe(Date.parse(date));
});
