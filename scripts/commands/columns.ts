/** Rows of cells as lines whose cells stand below one another. In: cells. Out: text; the last cell is free. */

const BETWEEN = '  ';

/** One line a row, each with its end; no rows are no text. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.slice(0, -1).entries()) {
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    }
  }
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at < row.length - 1 ? pad(cell, widths[at] ?? 0) : cell)).join(BETWEEN);
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** Amounts end below one another, words begin so. */
function pad(cell: string, width: number): string {
  return /^[\d,]+ [a-z]+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
}
