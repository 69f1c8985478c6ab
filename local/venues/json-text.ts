/** Recorded cells as JSON text, verbatim: a cell never passes through a float. */

const PLAIN = /^[\w.+-]*$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** As a JSON string; null where nothing was recorded. */
export function textOf(cell: string | null): string {
  if (cell === null) return 'null';
  return PLAIN.test(cell) ? `"${cell}"` : JSON.stringify(cell);
}

/** As a JSON number, digit for digit; a cell that is none stays text, null where nothing was recorded. */
export function numberOf(cell: string | null): string {
  return cell !== null && NUMBER.test(cell) ? cell : textOf(cell);
}
