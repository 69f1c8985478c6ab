/**
 * Public holidays of countries whose central banks tell rates. In: a date as days since 1970-01-01. Out:
 * yes or no, by law. Days off that a government adds or moves for one year are no rule and not known
 * here: such a day is expected to have a rate, and what the bank answers for it settles that it has none.
 */
import { dateParts, dayNumber, easterSunday } from './holidays.ts';

/** First year of a holiday that recurs on one date. */
type FixedHolidays = Readonly<Record<string, number>>;

function isFixed(day: number, holidays: FixedHolidays): boolean {
  const { year, month, day: date } = dateParts(day);
  const since = holidays[`${month}-${date}`];
  return since !== undefined && year >= since;
}

const CZECH: FixedHolidays = {
  '1-1': 1990,
  '5-1': 1990,
  '5-8': 1992,
  '7-5': 1990,
  '7-6': 1990,
  '9-28': 2000,
  '10-28': 1990,
  '11-17': 2000,
  '12-24': 1990,
  '12-25': 1990,
  '12-26': 1990,
};
const CZECH_GOOD_FRIDAY_SINCE = 2016;

/** Act 245/2000 and its amendments; no day is moved where it falls on a weekend. From 1992 on. */
export function isCzechHoliday(day: number): boolean {
  if (isFixed(day, CZECH)) return true;
  const { year } = dateParts(day);
  const easter = easterSunday(year);
  return day === easter + 1 || (day === easter - 2 && year >= CZECH_GOOD_FRIDAY_SINCE);
}

const ALWAYS = 0;
const GEORGIAN: FixedHolidays = {
  '1-1': ALWAYS,
  '1-2': ALWAYS,
  '1-7': ALWAYS,
  '1-19': ALWAYS,
  '3-3': ALWAYS,
  '3-8': ALWAYS,
  '4-9': ALWAYS,
  '5-9': ALWAYS,
  '5-12': ALWAYS,
  '5-26': ALWAYS,
  '8-28': ALWAYS,
  '10-14': ALWAYS,
  '11-23': ALWAYS,
};

/** Labour code, as of 2010 and taken to hold for earlier years too; no day is moved. */
export function isGeorgianHoliday(day: number): boolean {
  if (isFixed(day, GEORGIAN)) return true;
  const easter = orthodoxEaster(dateParts(day).year);
  return day === easter - 2 || day === easter + 1;
}

const RUSSIAN: FixedHolidays = {
  '1-1': ALWAYS,
  '1-2': 1993,
  '1-3': 2005,
  '1-4': 2005,
  '1-5': 2005,
  '1-6': 2013,
  '1-7': ALWAYS,
  '1-8': 2013,
  '2-23': 2002,
  '3-8': ALWAYS,
  '5-1': ALWAYS,
  '5-9': ALWAYS,
  '6-12': 1992,
  '11-4': 2005,
};

/** Labour code, article 112, without the days off that are moved each year by decree. */
export function isRussianHoliday(day: number): boolean {
  return isFixed(day, RUSSIAN);
}

/** Easter Sunday of the Julian calendar as a day of the Gregorian one, 1900 to 2099 (Meeus). */
export function orthodoxEaster(year: number): number {
  const d = (19 * (year % 19) + 15) % 30;
  const e = (2 * (year % 4) + 4 * (year % 7) - d + 34) % 7;
  const sum = d + e + 114;
  const julianIsBehind = 13;
  return dayNumber(year, Math.floor(sum / 31), (sum % 31) + 1) + julianIsBehind;
}
