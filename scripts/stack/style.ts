/** Bold, dim and colour for a terminal that wants them; plain text for everybody else. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
}

const ESCAPE = '\u001b';

/** @param on false leaves texts as they are (NO_COLOR, https://no-color.org). */
export function createStyle(on: boolean): Style {
  const wrap =
    (code: number) =>
    (text: string): string =>
      on ? `${ESCAPE}[${code}m${text}${ESCAPE}[0m` : text;
  return { bold: wrap(1), dim: wrap(2), green: wrap(32), red: wrap(31) };
}
