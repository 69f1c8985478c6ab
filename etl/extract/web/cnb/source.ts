/**
 * Central bank rates of the Czech National Bank: one or more units of a currency in koruna. Text with
 * bars between the columns, decimal commas, one day a document. Asked for a day without rates of its
 * own, it answers those of the last day before.
 *
 * @see https://www.cnb.cz/cs/financni-trhy/devizovy-trh/kurzy-devizoveho-trhu/kurzy-devizoveho-trhu/
 */
import { createDailyDocuments, dayOf } from '../daily-documents.ts';
import { formatDay, parseDay } from '../day-format.ts';
import { COMMA_STYLE } from '../numeral.ts';
import { policyFor } from '../policy.ts';
import { daySheet, toRateCell } from '../rate-cells.ts';
import { unreadable, type RateSheet, type WebSource } from '../source.ts';

const ID = 'cnb';
const FOLDER =
  '/cs/financni-trhy/devizovy-trh/kurzy-devizoveho-trhu/kurzy-devizoveho-trhu/denni_kurz.txt';
const COLUMNS = 'země|měna|množství|kód|kurz';

/** @param root for example `https://www.cnb.cz`. */
export function createCnbSource(root: string): WebSource {
  const base = `${root.replace(/\/+$/, '')}${FOLDER}`;
  const documents = createDailyDocuments(
    'text',
    (day) => `${base}?date=${formatDay(day, 'DD.MM.YYYY')}`,
  );
  return {
    id: ID,
    marketType: 'fx',
    calendar: 'weekdays-cz',
    policy: policyFor(ID, root, 1_000),
    listing: (now) => documents.of(dayOf(now), now),
    plan: (range) => documents.plan(range),
    read: (text, { url }) => read(text, url),
  };
}

/** `05.04.2016 #65`, the names of the columns, then `Japonsko|jen|100|JPY|21,487`. */
function read(text: string, url: string): RateSheet {
  // Bars and line ends have no quoting, so they split it.
  const [title = '', columns = '', ...lines] = text.split(/\r?\n/);
  const date = /^(\d\d\.\d\d\.\d{4}) #\d+$/.exec(title.trim())?.[1] ?? '';
  const day = parseDay(date, 'DD.MM.YYYY');
  if (day === null) throw unreadable(ID, url, `it begins "${title.slice(0, 60)}"`);
  if (columns.trim() !== COLUMNS) {
    throw unreadable(ID, url, `its columns are "${columns.slice(0, 60)}"`);
  }
  const filled = lines.filter((line) => line.trim() !== '');
  if (filled.length === 0) throw unreadable(ID, url, 'it holds no rate');
  if (!/\r?\n$/.test(text))
    throw unreadable(ID, url, 'its last line has no end, so it was cut off');
  const rows = filled.map((line, index) => {
    const [country = null, currency = null, amount = null, code = null, rate = null, ...more] =
      line.split('|');
    const row = { date, country, currency, amount, code, rate };
    const whole = more.length === 0 ? rate : null;
    const cell = toRateCell({ day, rate: whole, nominal: amount, style: COMMA_STYLE, index, row });
    return { code: code ?? '', cell };
  });
  return daySheet({ day, quote: 'CZK', rows });
}
