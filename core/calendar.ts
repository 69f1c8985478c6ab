/**
 * When a market has candles. In: a calendar, an interval, a range. Out: the open times that a complete
 * series has there. A candle is expected where its time overlaps the market's sessions at all, be it
 * by an hour. Pure; the clocks of New York are computed by rule.
 *
 * What no calendar knows (a halt, a quiet minute, an early close) makes a candle expected that the
 * venue does not have: asking the venue settles it.
 */
import type { MarketType } from './candle.ts';
import { isCzechHoliday, isGeorgianHoliday, isRussianHoliday } from './bank-holidays.ts';
import {
  isFxHoliday,
  isNyseHoliday,
  isTargetHoliday,
  isWeekend,
  newYorkHoursBehind,
} from './holidays.ts';
import { nextOpen, type Interval } from './interval.ts';
import { epochMs, type EpochMs } from './time.ts';

/**
 * `always`; `fx-week`: Sunday to Friday 17:00 New York, but for Christmas and New Year's Day;
 * `nyse`: 9:30 to 16:00 New York. The others are of whole UTC days on which rates are told. `target`:
 * those of the ECB; `weekdays`: Monday to Friday, holidays not known; `weekdays-cz`: working days of
 * Czechia; `after-weekdays-ge`, `after-weekdays-ru`: the days after working days of Georgia and of
 * Russia, since a rate set today is for tomorrow.
 */
export type CalendarId = 'always' | 'fx-week' | 'nyse' | DayCalendarId;
type DayCalendarId =
  'target' | 'weekdays' | 'weekdays-cz' | 'after-weekdays-ge' | 'after-weekdays-ru';

/** Exchanges whose calendar their market type does not tell. */
const BY_EXCHANGE: Readonly<Record<string, CalendarId>> = {
  ecb: 'target',
  cnb: 'weekdays-cz',
  nbg: 'after-weekdays-ge',
  cbr: 'after-weekdays-ru',
};
const BY_MARKET_TYPE: Readonly<Record<MarketType, CalendarId>> = {
  spot: 'always',
  perp: 'always',
  fx: 'fx-week',
  equity: 'nyse',
};

/** Whether a day, given as days since 1970-01-01, has rates. */
const HAS_RATES: Readonly<Record<DayCalendarId, (day: number) => boolean>> = {
  target: (day) => !isWeekend(day) && !isTargetHoliday(day),
  weekdays: (day) => !isWeekend(day),
  'weekdays-cz': (day) => !isWeekend(day) && !isCzechHoliday(day),
  'after-weekdays-ge': (day) => !isWeekend(day - 1) && !isGeorgianHoliday(day - 1),
  'after-weekdays-ru': (day) => !isWeekend(day - 1) && !isRussianHoliday(day - 1),
};

/** The calendar of a market: by its exchange where that has one of its own, else by its type. */
export function calendarOf(exchange: string, marketType: MarketType): CalendarId {
  return BY_EXCHANGE[exchange] ?? BY_MARKET_TYPE[marketType];
}

/** Which open times there can be. */
export interface ExpectedGrid {
  readonly calendar: CalendarId;
  readonly interval: Interval;
  /** An open time of the series, where venues differ in theirs: of `3d` and `1w`. Default Monday. */
  readonly anchor?: EpochMs | undefined;
}

interface Session {
  readonly open: number;
  readonly close: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WIDTHS: Readonly<Partial<Record<Interval, number>>> = { '3d': 3 * DAY, '1w': 7 * DAY };
const A_MONDAY = Date.UTC(1970, 0, 5);
const FOREVER: Session = { open: -Infinity, close: Infinity };
/** No market has ever been shut for longer, days. */
const SHUT_DAYS_MAX = 21;

/** The first expected open time at or after `from`. */
export function firstExpected(grid: ExpectedGrid, from: EpochMs): EpochMs {
  return seek(grid, from, sessionAfter(grid.calendar, from)).open;
}

/** Expected open times in `[from, to)`, rising. */
export function* expectedOpens(
  grid: ExpectedGrid,
  from: EpochMs,
  to: EpochMs,
): Generator<EpochMs, void, undefined> {
  let found = seek(grid, from, sessionAfter(grid.calendar, from));
  while (found.open < to) {
    yield found.open;
    found = seek(grid, nextOpen(grid.interval, found.open), found.session);
  }
}

/** How many there are in `[from, to)`. */
export function countExpected(grid: ExpectedGrid, from: EpochMs, to: EpochMs): number {
  if (from >= to) return 0;
  if (grid.calendar === 'always' && grid.interval !== '1M') {
    const first = gridAtOrAfter(grid, from);
    return Math.max(0, Math.ceil((to - first) / (nextOpen(grid.interval, first) - first)));
  }
  let count = 0;
  for (const _ of expectedOpens(grid, from, to)) count += 1;
  return count;
}

/** Expected slots as a range that begins and ends with one. */
export interface ExpectedSpan {
  readonly from: EpochMs;
  /** Exclusive: where the last of them ends. */
  readonly to: EpochMs;
  /** How many, at least 1. */
  readonly candles: number;
}

/** The expected slots that open in `[from, to)`; null where there are none. */
export function expectedSpan(grid: ExpectedGrid, from: EpochMs, to: EpochMs): ExpectedSpan | null {
  const first = firstExpected(grid, from);
  if (first >= to) return null;
  const candles = countExpected(grid, first, to);
  if (grid.calendar === 'always' && grid.interval !== '1M') {
    const width = nextOpen(grid.interval, first) - first;
    return { from: first, to: epochMs(first + candles * width), candles };
  }
  let last = first;
  for (const open of expectedOpens(grid, first, to)) last = open;
  return { from: first, to: nextOpen(grid.interval, last), candles };
}

/** The first expected slot at or after `from`, and the session it lies in; `known` saves a search. */
function seek(
  grid: ExpectedGrid,
  from: EpochMs,
  known: Session,
): { readonly open: EpochMs; readonly session: Session } {
  const open = gridAtOrAfter(grid, from);
  const session = known.close > open ? known : sessionAfter(grid.calendar, open);
  if (nextOpen(grid.interval, open) > session.open) return { open, session };
  // The slot that holds the opening: grid points are no further apart than a month.
  let candidate = open;
  for (;;) {
    const next = jump(grid, candidate, session.open);
    if (next === candidate) return { open: candidate, session };
    candidate = next;
  }
}

/** Towards the slot in which `target` lies; `open` itself when it is that one. */
function jump(grid: ExpectedGrid, open: EpochMs, target: number): EpochMs {
  const width = nextOpen(grid.interval, open) - open;
  const steps = grid.interval === '1M' ? 0 : Math.floor((target - open) / width);
  if (steps > 0) return epochMs(open + steps * width);
  const next = nextOpen(grid.interval, open);
  return next <= target ? next : open;
}

function gridAtOrAfter({ interval, anchor }: ExpectedGrid, time: EpochMs): EpochMs {
  if (interval === '1M') {
    const date = new Date(time);
    const start = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
    return start === time ? time : nextOpen(interval, time);
  }
  const wide = WIDTHS[interval];
  const width = wide ?? nextOpen(interval, time) - time;
  const origin = wide === undefined ? 0 : (anchor ?? A_MONDAY);
  return epochMs(origin + Math.ceil((time - origin) / width) * width);
}

/** The first session that is not over at `time`. */
function sessionAfter(calendar: CalendarId, time: number): Session {
  if (calendar === 'always') return FOREVER;
  // A day's session may begin on the day before it and end on the day after.
  const first = Math.floor(time / DAY) - 1;
  for (let day = first; day < first + SHUT_DAYS_MAX; day += 1) {
    const session = sessionOf(calendar, day);
    if (session !== null && session.close > time) return session;
  }
  throw new Error(`calendar ${calendar} is shut for ${SHUT_DAYS_MAX} days after ${time}`);
}

/** The session of a trading day; null where there is none. */
function sessionOf(calendar: Exclude<CalendarId, 'always'>, day: number): Session | null {
  const midnight = day * DAY;
  if (calendar !== 'fx-week' && calendar !== 'nyse') {
    return HAS_RATES[calendar](day) ? { open: midnight, close: midnight + DAY } : null;
  }
  if (isWeekend(day)) return null;
  const localMidnight = midnight + newYorkHoursBehind(day) * HOUR;
  if (calendar === 'nyse') {
    if (isNyseHoliday(day)) return null;
    return { open: localMidnight + 9.5 * HOUR, close: localMidnight + 16 * HOUR };
  }
  if (isFxHoliday(day)) return null;
  const before = (day - 1) * DAY + newYorkHoursBehind(day - 1) * HOUR;
  return { open: before + 17 * HOUR, close: localMidnight + 17 * HOUR };
}
