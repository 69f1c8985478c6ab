/**
 * Euro reference rates of the European Central Bank: one euro in other currencies, each TARGET day at
 * about 16:00 CET, since 1999. Three documents: the newest day, 90 days, all (a zipped CSV). The
 * smallest that reaches back far enough is asked. Rates may be used freely if the source is named.
 *
 * @see https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates
 */
import { parse } from 'csv-parse/sync';
import type { CheerioAPI } from 'cheerio';
import { epochMs, type EpochMs } from '#core/time.ts';
import { DAY_MS, parseDay } from '../day-format.ts';
import { PLAIN_STYLE } from '../numeral.ts';
import { toRateCell } from '../rate-cells.ts';
import { policyFor } from '../policy.ts';
import {
  unreadable,
  type DayRange,
  type Listing,
  type RateCell,
  type RateSheet,
  type WebDocument,
  type WebSource,
} from '../source.ts';
import { readXml } from '../xml.ts';

const ID = 'ecb';
const FOLDER = '/stats/eurofxref';
/** The rates of a day appear once; this is how late we may learn of them. */
const GOOD_MS = 10 * 60_000;
const HISTORY_GOOD_MS = 60 * 60_000;
/** How far back the small documents can reach; whether one does is seen in it. */
const DAILY_REACH_MS = 5 * DAY_MS;
const RECENT_REACH_MS = 90 * DAY_MS;
const BASE = 'EUR';
const CODE = /^[A-Z]{3}$/;

/** @param root for example `https://www.ecb.europa.eu`. */
export function createEcbSource(root: string): WebSource {
  const policy = policyFor(ID, root, 1_000);
  const base = `${root.replace(/\/+$/, '')}${FOLDER}`;
  const daily: WebDocument = {
    url: `${base}/eurofxref-daily.xml`,
    kind: 'xml',
    day: null,
    goodMs: GOOD_MS,
  };
  const recent: WebDocument = { ...daily, url: `${base}/eurofxref-hist-90d.xml` };
  const history: WebDocument = {
    url: `${base}/eurofxref-hist.zip`,
    kind: 'zip',
    entry: 'eurofxref-hist.csv',
    day: null,
    goodMs: HISTORY_GOOD_MS,
  };
  const documentsFor = ({ first, now }: DayRange): readonly WebDocument[] => {
    const age = now - first;
    if (age < DAILY_REACH_MS) return [daily, recent, history];
    return age < RECENT_REACH_MS ? [recent, history] : [history];
  };
  return {
    id: ID,
    marketType: 'fx',
    calendar: 'target',
    policy,
    // Only the history knows currencies that are gone, and since when each was there.
    listing: () => history,
    plan: (range) => ({ use: 'first-that-covers', documents: documentsFor(range) }),
    read: (text, { kind, url }) => (kind === 'zip' ? readCsv(text, url) : readEnvelope(text, url)),
  };
}

/** `<gesmes:Envelope>…<Cube time='2015-01-07'><Cube currency='USD' rate='1.1831'/>…` */
function readEnvelope(text: string, url: string): RateSheet {
  const $ = readXml(text, 'gesmes:Envelope', { source: ID, url });
  const days = $('Cube[time]').toArray();
  if (days.length === 0) throw unreadable(ID, url, 'it holds no day');
  const cells = new Map<string, RateCell[]>();
  let index = 0;
  let oldest: EpochMs | null = null;
  for (const element of days) {
    const time = $(element).attr('time') ?? '';
    const day = parseDay(time, 'YYYY-MM-DD');
    if (day !== null && day < (oldest ?? Infinity)) oldest = day;
    for (const rate of ratesOf($, element)) {
      const row = { date: time, ...rate };
      const { currency } = rate;
      const cell = toRateCell({
        day,
        rate: rate.rate,
        nominal: '1',
        style: PLAIN_STYLE,
        index,
        row,
      });
      if (currency === null || !CODE.test(currency)) {
        throw unreadable(ID, url, `the currency "${currency ?? ''}" on ${time} is none`);
      }
      const known = cells.get(currency);
      if (known === undefined) cells.set(currency, [cell]);
      else known.push(cell);
      index += 1;
    }
  }
  const listings = [...cells.keys()].map((code): Listing => listingOf(code, null, null));
  return { listings, oldest, cells: (code) => cells.get(code) ?? [] };
}

function ratesOf(
  $: CheerioAPI,
  day: Parameters<CheerioAPI>[0],
): { readonly currency: string | null; readonly rate: string | null }[] {
  return $(day)
    .children('Cube')
    .toArray()
    .map((cube) => ({
      currency: $(cube).attr('currency') ?? null,
      rate: $(cube).attr('rate') ?? null,
    }));
}

function listingOf(code: string, firstDay: EpochMs | null, endDay: EpochMs | null): Listing {
  const isTrading = endDay === null;
  return { venueSymbol: code, base: BASE, quote: code, isTrading, firstDay, endDay };
}

/** What stands where a currency had no rate that day, as in the years before or after it had one. */
const NO_RATE = 'N/A';

/** `Date,USD,JPY,…,` and a line a day, newest first, each ending in a comma. */
function readCsv(text: string, url: string): RateSheet {
  const [header, ...lines] = parseCsv(text, url);
  const codes = (header ?? []).slice(1).filter((code) => code !== '');
  if (header?.[0] !== 'Date' || codes.length === 0 || !codes.every((code) => CODE.test(code))) {
    throw unreadable(ID, url, `the first line is "${(header ?? []).join(',').slice(0, 60)}"`);
  }
  const days = lines.map(([time = '']) => parseDay(time, 'YYYY-MM-DD'));
  const cellsOf = (code: string): readonly RateCell[] => {
    const column = codes.indexOf(code) + 1;
    if (column === 0) return [];
    return lines.flatMap((line, index) => {
      const rate = line[column] ?? null;
      if (rate === NO_RATE) return [];
      const row = { date: line[0] ?? null, currency: code, rate };
      const day = days[index] ?? null;
      return [toRateCell({ day, rate, nominal: '1', style: PLAIN_STYLE, index, row })];
    });
  };
  const newest = latest(days);
  const listings = codes.map((code, at): Listing => {
    const rated = days.filter((_day, index) => (lines[index]?.[at + 1] ?? NO_RATE) !== NO_RATE);
    const last = latest(rated);
    const isGone = last !== null && last !== newest;
    return listingOf(code, earliest(rated), isGone ? epochMs(last + DAY_MS) : null);
  });
  return { listings, oldest: earliest(days), cells: cellsOf };
}

function parseCsv(text: string, url: string): string[][] {
  try {
    return parse(text, { skip_empty_lines: true, trim: true });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw unreadable(ID, url, `it is no CSV (${error.message})`);
  }
}

function earliest(days: readonly (EpochMs | null)[]): EpochMs | null {
  return days.reduce(
    (found, day) => (found === null || (day ?? found) < found ? day : found),
    null,
  );
}

function latest(days: readonly (EpochMs | null)[]): EpochMs | null {
  return days.reduce(
    (found, day) => (found === null || (day ?? found) > found ? day : found),
    null,
  );
}
