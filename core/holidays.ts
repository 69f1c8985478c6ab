/**
 * Days on which markets are shut, by rule. In: a date as days since 1970-01-01. Out: yes or no. Pure
 * arithmetic on the Gregorian calendar, and a few closures that no rule foretells.
 */

const DAY_MS = 86_400_000;

/** A date in pieces; `weekday` 0 is Sunday. */
interface DateParts {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
}

/** Days since 1970-01-01 of a date. */
export function dayNumber(year: number, month: number, day: number): number {
  return Date.UTC(year, month - 1, day) / DAY_MS;
}

/** The pieces of a date, given as days since 1970-01-01. */
export function dateParts(day: number): DateParts {
  const date = new Date(day * DAY_MS);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
  };
}

/** True for a Saturday or Sunday, given as days since 1970-01-01. */
export function isWeekend(day: number): boolean {
  const { weekday } = dateParts(day);
  return weekday === 0 || weekday === 6;
}

/** Easter Sunday of a year, 1900 to 2099 and beyond (Meeus, Jones and Butcher). */
export function easterSunday(year: number): number {
  const a = year % 19;
  const b = Math.floor(year / 100);
  const c = year % 100;
  const f = Math.floor((b + 8) / 25);
  const g = Math.floor((b - f + 1) / 3);
  const h = (19 * a + b - Math.floor(b / 4) - g + 15) % 30;
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7;
  const m = Math.floor((a + 11 * h + 22 * l) / 451);
  const sum = h + l - 7 * m + 114;
  return dayNumber(year, Math.floor(sum / 31), (sum % 31) + 1);
}

/** The nth weekday of a month; n below zero counts from its end. */
export function nthWeekday(year: number, month: number, weekday: number, n: number): number {
  if (n > 0) {
    const first = dayNumber(year, month, 1);
    return first + ((weekday - dateParts(first).weekday + 7) % 7) + (n - 1) * 7;
  }
  const last = dayNumber(year, month + 1, 1) - 1;
  return last - ((dateParts(last).weekday - weekday + 7) % 7) + (n + 1) * 7;
}

/** Holidays of the euro's payment system, on which the ECB publishes no reference rates. */
export function isTargetHoliday(day: number): boolean {
  const { year, month, day: date } = dateParts(day);
  const fixed = `${month}-${date}`;
  if (fixed === '1-1' || fixed === '12-25') return true;
  // The full list is in force since 2000; before and around it there were days of their own.
  if (fixed === '12-31') return year === 1999 || year === 2001;
  if (year < 2000) return false;
  if (fixed === '5-1' || fixed === '12-26') return true;
  const easter = easterSunday(year);
  return day === easter - 2 || day === easter + 1;
}

/** On these two days of the year currencies rest from the evening before, New York time. */
export function isFxHoliday(day: number): boolean {
  const { month, day: date } = dateParts(day);
  return (month === 1 && date === 1) || (month === 12 && date === 25);
}

/** Days on which New York stayed shut though no rule says so: mourning, terror, storms. */
const NYSE_CLOSURES: ReadonlySet<number> = new Set(
  [
    [1994, 4, 27],
    [2001, 9, 11],
    [2001, 9, 12],
    [2001, 9, 13],
    [2001, 9, 14],
    [2004, 6, 11],
    [2007, 1, 2],
    [2012, 10, 29],
    [2012, 10, 30],
    [2018, 12, 5],
    [2025, 1, 9],
  ].map(([year = 0, month = 0, day = 0]) => dayNumber(year, month, day)),
);

/** Full-day closures of the New York Stock Exchange, from 1990 on. */
export function isNyseHoliday(day: number): boolean {
  if (NYSE_CLOSURES.has(day)) return true;
  const { year } = dateParts(day);
  const monday = 1;
  const holidays = [
    // A New Year's Day on a Saturday is not made up for.
    sundayMoves(dayNumber(year, 1, 1)),
    nthWeekday(year, 2, monday, 3),
    easterSunday(year) - 2,
    nthWeekday(year, 5, monday, -1),
    weekendMoves(dayNumber(year, 7, 4)),
    nthWeekday(year, 9, monday, 1),
    nthWeekday(year, 11, 4, 4),
    weekendMoves(dayNumber(year, 12, 25)),
  ];
  if (year >= 1998) holidays.push(nthWeekday(year, 1, monday, 3));
  if (year >= 2022) holidays.push(weekendMoves(dayNumber(year, 6, 19)));
  return holidays.includes(day);
}

function sundayMoves(day: number): number {
  return dateParts(day).weekday === 0 ? day + 1 : day;
}

/** Saturday's is kept on Friday, Sunday's on Monday. */
function weekendMoves(day: number): number {
  return dateParts(day).weekday === 6 ? day - 1 : sundayMoves(day);
}

/** Hours that New York is behind UTC at five in the afternoon or at the opening bell of a day. */
export function newYorkHoursBehind(day: number): 4 | 5 {
  const { year } = dateParts(day);
  // Since 2007 March to November, before April to October.
  const start = year >= 2007 ? nthWeekday(year, 3, 0, 2) : nthWeekday(year, 4, 0, 1);
  const end = year >= 2007 ? nthWeekday(year, 11, 0, 1) : nthWeekday(year, 10, 0, -1);
  return day >= start && day < end ? 4 : 5;
}
