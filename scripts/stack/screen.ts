/**
 * The one writer of the terminal. In: lines that stay, and a table that is always the last thing on
 * the screen. Out: escape sequences such that lines scroll above the table and the table is redrawn in
 * place, never wrapped and never taller than the terminal. Where the output is no terminal only the
 * lines are written. A reader that goes away (a closed pipe, a closed window) is told of, not thrown.
 */

/** What a screen writes to; `process.stdout` is one. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface Screen {
  /** True where a table is drawn. */
  readonly live: boolean;
  /** Writes a line that stays, above the table. */
  say(line: string): void;
  /** Replaces the table; an empty one takes it away. */
  draw(lines: readonly string[]): void;
  /** Makes the table lines that stay: what comes next is written below it. */
  keep(): void;
  /** Nothing is written after that. */
  close(): void;
}

export interface ScreenOptions {
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called once when nobody reads the output any more. */
  readonly onGone: () => void;
}

const ESCAPE = '\u001b';
const HIDE_CURSOR = `${ESCAPE}[?25l`;
const SHOW_CURSOR = `${ESCAPE}[?25h`;
const CLEAR_BELOW = `${ESCAPE}[J`;
const CLEAR_SCREEN = `${ESCAPE}[2J${ESCAPE}[H`;
const CLEAR_LINE_END = `${ESCAPE}[K`;
/** Terminals that know these show what is between them at once; the others ignore them. */
const BEGIN_FRAME = `${ESCAPE}[?2026h`;
const END_FRAME = `${ESCAPE}[?2026l`;
const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;

export function createScreen({ output, env, onGone }: ScreenOptions): Screen {
  const live = output.isTTY === true && env['TERM'] !== 'dumb';
  let table: readonly string[] = [];
  /** Lines of the table that are on the screen, one row each. */
  let drawn = 0;
  let closed = false;

  const columns = (): number => Math.max(2, output.columns ?? COLUMNS_DEFAULT);
  const fitted = (): string[] =>
    table.slice(0, (output.rows ?? ROWS_DEFAULT) - 1).map((line) => clip(line, columns() - 1));
  const paint = (above: string, start = drawn === 0 ? '\r' : `\r${ESCAPE}[${drawn}A`): void => {
    if (closed) return;
    const lines = fitted();
    const body = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('');
    // Lines above push the table down: what is left of it must go first.
    const first = above === '' ? start : `${start}${CLEAR_BELOW}${above}`;
    output.write(
      `${BEGIN_FRAME}${HIDE_CURSOR}${first}${body}${CLEAR_BELOW}${SHOW_CURSOR}${END_FRAME}`,
    );
    drawn = lines.length;
  };
  // Some terminals wrap anew what is on the screen and some do not: only a clear one is known.
  const onResize = (): void => {
    if (drawn > 0) paint('', CLEAR_SCREEN);
  };
  let gone = false;
  output.on('error', () => {
    closed = true;
    if (!gone) onGone();
    gone = true;
  });
  if (live) output.on('resize', onResize);

  return {
    live,
    say: (line) => {
      if (closed) return;
      const text = `${printable(line)}\n`;
      // What was typed meanwhile stands where the line begins: the first column it is.
      if (live) paint(text);
      else output.write(text);
    },
    draw: (lines) => {
      if (!live) return;
      table = lines.map((line) => line.replaceAll('\n', ' '));
      if (drawn > 0 || table.length > 0) paint('');
    },
    keep: () => {
      table = [];
      drawn = 0;
    },
    close: () => {
      if (live) output.off('resize', onResize);
      closed = true;
    },
  };
}

const STYLES = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g');

/** What others print (the end of an engine's log, a file name) must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\t\n]/gu, '\ufffd');
}

/** Cells that a text takes on the screen, its styles apart. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text.replaceAll(STYLES, '')) width += cellsOf(character);
  return width;
}

/** The text, or as much of it as fits, then `…`; styles stay and are ended. */
export function clip(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let out = '';
  let left = width - 1;
  for (let at = 0; at < text.length;) {
    STYLES.lastIndex = at;
    const style = STYLES.exec(text);
    if (style?.index === at) {
      out += style[0];
      at += style[0].length;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (left >= 0) {
      const cells = cellsOf(character);
      out += cells <= left ? character : '…';
      left = cells <= left ? left - cells : -1;
    }
    at += character.length;
  }
  return out;
}

/** East Asian wide characters and emoji take two cells, combining marks none. */
function cellsOf(character: string): number {
  if (/\p{Mark}/u.test(character)) return 0;
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
    character,
  )
    ? 2
    : 1;
}
