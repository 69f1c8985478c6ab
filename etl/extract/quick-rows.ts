/**
 * What the quick ways through answers of candles share. In: the text of an answer and the pattern of
 * one row as its venue writes it. Out: the rows, where the text is nothing but a list of them; null
 * otherwise, and then the text is read the long way.
 */

/** Reads a decimal in quotes and captures it canonical: without the zeros at its end. */
export const QUOTED_DECIMAL = String.raw`"((?:0|[1-9]\d*)(?:\.\d*[1-9])?)\.?0*"`;
/** Milliseconds of an epoch. */
export const QUICK_TIME = String.raw`([1-9]\d{11,13})`;
/** A count that is an exact integer. */
export const QUICK_COUNT = String.raw`(0|[1-9]\d{0,14})`;

/** Up to this length a captured decimal fits numeric(38,18), however its digits lie. */
const FITTING_LENGTH = 19;
const COMMA = 44;
const CLOSE = 93;

/** True where the captured text may have too many digits. */
export function isLong(captured: string): boolean {
  return captured.length > FITTING_LENGTH;
}

/**
 * @param source pattern of one row, its captures in the order of the row.
 * @param read a row of its text and captures; null for one that has to be read the long way.
 */
export function readQuickRows<Row>(
  text: string,
  source: string,
  read: (text: string, cells: RegExpExecArray) => Row | null,
): readonly Row[] | null {
  const pattern = new RegExp(source, 'y');
  const rows: Row[] = [];
  let at = 1;
  for (;;) {
    pattern.lastIndex = at;
    const cells = pattern.exec(text);
    if (cells === null) return null;
    const end = pattern.lastIndex;
    const row = read(text.slice(at, end), cells);
    if (row === null) return null;
    rows.push(row);
    const next = text.charCodeAt(end);
    if (next === CLOSE) return end + 1 === text.length ? rows : null;
    if (next !== COMMA) return null;
    at = end + 1;
  }
}

/** True where a capture from `first` on may have too many digits. */
export function hasLong(cells: RegExpExecArray, first: number): boolean {
  for (let cell = first; cell < cells.length; cell += 1) if (isLong(cells[cell] ?? '')) return true;
  return false;
}
