import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { DAY_MS, formatDay, isDayFormat, parseDay } from './day-format.ts';

const DAY = epochMs(Date.UTC(2016, 3, 5));

describe('a day', () => {
  test.each([
    ['05.04.2016', 'DD.MM.YYYY'],
    ['5/4/2016', 'D/M/YYYY'],
    ['2016-04-05', 'YYYY-MM-DD'],
    ['2016-04-05T00:00:00.000Z', 'YYYY-MM-DDT00:00:00.000Z'],
    ['5 April 2016', 'D MMMM YYYY'],
    ['Apr 05, 2016', 'MMM DD, YYYY'],
    ['  april 5 2016 ', 'MMMM D YYYY'],
  ])('is read out of %j by %s', (text, format) => {
    expect(parseDay(text, format)).toBe(DAY);
  });

  test.each([
    ['31.02.2016', 'DD.MM.YYYY', 'no calendar has it'],
    ['29.02.2015', 'DD.MM.YYYY', 'it is no leap year'],
    ['04/13/2016', 'DD/MM/YYYY', 'month and day are the other way round'],
    ['5.4.2016', 'DD.MM.YYYY', 'leading zeros lack'],
    ['05.04.16', 'DD.MM.YYYY', 'the year is short'],
    ['05.04.2016 #65', 'DD.MM.YYYY', 'something follows'],
    ['05x04x2016', 'DD.MM.YYYY', 'a point is a point'],
    ['5 Foo 2016', 'D MMM YYYY', 'no month is called so'],
    ['00.04.2016', 'DD.MM.YYYY', 'there is no day 0'],
    ['05.04.1989', 'DD.MM.YYYY', 'it is before 1990'],
    ['', 'DD.MM.YYYY', 'it is blank'],
  ])('is not read out of %j by %s: %s', (text, format) => {
    expect(parseDay(text, format)).toBeNull();
  });

  test.each(['DD.MM.YYYY', 'D/M/YYYY', 'YYYY-MM-DD', 'D MMMM YYYY', 'MMM DD, YYYY'])(
    'written as %s is read again',
    (format) => {
      fc.assert(
        fc.property(fc.integer({ min: 7_305, max: 47_400 }), (days) => {
          const day = epochMs(days * DAY_MS);
          expect(parseDay(formatDay(day, format), format)).toBe(day);
        }),
        { seed: 20_261_121 },
      );
    },
  );

  test('needs a format that names year, month and day once', () => {
    expect(isDayFormat('DD.MM.YYYY')).toBe(true);
    for (const format of ['DD.MM', 'YYYY', 'DD.DD.YYYY', '', 'DD.MM.YYYY MM']) {
      expect(isDayFormat(format), format).toBe(false);
    }
  });
});
