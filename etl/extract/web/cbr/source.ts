/**
 * Official rates of the Bank of Russia: one or more units of a currency in roubles. XML in
 * windows-1251, decimal commas, one day a document. Asked for a day without rates of its own, it
 * answers those of the last day before.
 *
 * @see https://www.cbr.ru/development/SXML/
 */
import { createDailyDocuments, dayOf } from '../daily-documents.ts';
import { formatDay, parseDay } from '../day-format.ts';
import { COMMA_STYLE } from '../numeral.ts';
import { policyFor } from '../policy.ts';
import { daySheet, toRateCell } from '../rate-cells.ts';
import { unreadable, type RateSheet, type WebSource } from '../source.ts';
import { readXml } from '../xml.ts';

const ID = 'cbr';

/** @param root for example `https://www.cbr.ru`. */
export function createCbrSource(root: string): WebSource {
  const base = root.replace(/\/+$/, '');
  const documents = createDailyDocuments(
    'xml',
    (day) => `${base}/scripts/XML_daily.asp?date_req=${formatDay(day, 'DD/MM/YYYY')}`,
  );
  return {
    id: ID,
    marketType: 'fx',
    calendar: 'after-weekdays-ru',
    policy: policyFor(ID, root, 1_000),
    listing: (now) => documents.of(dayOf(now), now),
    plan: (range) => documents.plan(range),
    read: (text, { url }) => read(text, url),
  };
}

/** `<ValCurs Date="09.12.2016"><Valute><CharCode>AMD</CharCode><Nominal>100</Nominal>…` */
function read(text: string, url: string): RateSheet {
  const $ = readXml(text, 'ValCurs', { source: ID, url });
  const date = $('ValCurs').attr('Date') ?? '';
  const day = parseDay(date, 'DD.MM.YYYY');
  if (day === null) throw unreadable(ID, url, `its date is "${date}"`);
  const valutes = $('ValCurs > Valute').toArray();
  if (valutes.length === 0) throw unreadable(ID, url, 'it holds no rate');
  const rows = valutes.map((valute, index) => {
    const textOf = (name: string): string | null => {
      const found = $(valute).children(name);
      return found.length === 1 ? found.text() : null;
    };
    const code = textOf('CharCode');
    const nominal = textOf('Nominal');
    const value = textOf('Value');
    const row = { Date: date, CharCode: code, Nominal: nominal, Value: value };
    const cell = toRateCell({ day, rate: value, nominal, style: COMMA_STYLE, index, row });
    return { code: code ?? '', cell };
  });
  return daySheet({ day, quote: 'RUB', rows });
}
