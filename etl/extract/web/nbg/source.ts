/**
 * Official rates of the National Bank of Georgia: one or more units of a currency in lari. JSON, one
 * day a document; the rate's own text (`rateFormated`) is read, not its number. A rate is for the day
 * it is valid from, so a day without rates of its own answers earlier ones.
 *
 * @see https://nbg.gov.ge/en/monetary-policy/currency
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { createDailyDocuments, dayOf } from '../daily-documents.ts';
import { formatDay, parseDay } from '../day-format.ts';
import { PLAIN_STYLE } from '../numeral.ts';
import { policyFor } from '../policy.ts';
import { daySheet, toRateCell } from '../rate-cells.ts';
import { unreadable, type RateSheet, type WebSource } from '../source.ts';

const ID = 'nbg';
const PATH = '/gw/api/ct/monetarypolicy/currencies/en/json/';

/**
 * `[{"date":"2022-08-06T00:00:00.000Z","currencies":[{"code":"AED","quantity":10,
 * "rateFormated":"7.3994","rate":7.3994,"validFromDate":"2022-08-06T00:00:00.000Z"},…]}]`
 */
const ANSWER = Compile(
  Type.Tuple([
    Type.Object({
      date: Type.String(),
      currencies: Type.Array(Type.Unknown(), { minItems: 1 }),
    }),
  ]),
);
const CURRENCY = Compile(
  Type.Object({
    code: Type.String(),
    quantity: Type.Integer(),
    rateFormated: Type.String(),
    validFromDate: Type.String(),
  }),
);
const MIDNIGHT = 'YYYY-MM-DDT00:00:00.000Z';

/** @param root for example `https://nbg.gov.ge`. */
export function createNbgSource(root: string): WebSource {
  const base = `${root.replace(/\/+$/, '')}${PATH}`;
  const documents = createDailyDocuments(
    'json',
    (day) => `${base}?date=${formatDay(day, 'YYYY-MM-DD')}`,
  );
  return {
    id: ID,
    marketType: 'fx',
    calendar: 'after-weekdays-ge',
    policy: policyFor(ID, root, 1_000),
    listing: (now) => documents.of(dayOf(now), now),
    plan: (range) => documents.plan(range),
    read: (text, { url }) => read(text, url),
  };
}

function read(text: string, url: string): RateSheet {
  const json = parseJson(text, url);
  if (!ANSWER.Check(json)) throw unreadable(ID, url, `it begins ${text.slice(0, 60)}`);
  const [{ date, currencies }] = json;
  const day = parseDay(date, MIDNIGHT);
  if (day === null) throw unreadable(ID, url, `its date is "${date}"`);
  const rows = currencies.map((currency, index) => {
    if (!CURRENCY.Check(currency)) {
      const row = { date, currency: JSON.stringify(currency) };
      const cell = toRateCell({ day, rate: null, nominal: null, style: PLAIN_STYLE, index, row });
      return { code: '', cell };
    }
    const { code, quantity, rateFormated, validFromDate } = currency;
    const nominal = String(quantity);
    const row = { code, quantity: nominal, rateFormated, validFromDate };
    const valid = parseDay(validFromDate, MIDNIGHT);
    const texts = { rate: rateFormated, nominal, style: PLAIN_STYLE };
    return { code, cell: toRateCell({ day: valid, ...texts, index, row }) };
  });
  return daySheet({ day, quote: 'GEL', rows });
}

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unreadable(ID, url, `it is no JSON (${error.message})`);
  }
}
