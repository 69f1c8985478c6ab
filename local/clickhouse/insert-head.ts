/**
 * Where the data of an INSERT begin. In: the first bytes of a request as latin1 text, maybe cut anywhere.
 * Out: the head (`INSERT … FORMAT X` or `VALUES`) and the offset of the first data byte, or that there are no
 * data, or that more bytes are needed. The data themselves are never looked at, so they may be any bytes.
 */
import { clickHouseError } from './clickhouse-error.ts';
import { type Token, nextToken } from './sql-lexer.ts';
import { isWord } from './statement.ts';

export interface InsertHead {
  readonly state: 'data';
  readonly dataAt: number;
  readonly format: string;
  /** The same INSERT reading from a file instead; the path is a quoted literal. */
  readonly fromFile: (quotedPath: string) => string;
}

export type HeadResult = InsertHead | { readonly state: 'more' } | { readonly state: 'none' };

const MORE: HeadResult = { state: 'more' };
const NONE: HeadResult = { state: 'none' };

/** `ended`: the text is the whole request. */
export function findInsertData(text: string, ended: boolean): HeadResult {
  return new HeadScan(text, ended).run();
}

interface InputCall {
  readonly start: number;
  readonly argumentsAt: number;
  readonly empty: boolean;
}

class HeadScan {
  readonly #text: string;
  readonly #ended: boolean;
  #position = 0;
  #input: InputCall | undefined;

  constructor(text: string, ended: boolean) {
    this.#text = text;
    this.#ended = ended;
  }

  run(): HeadResult {
    const first = this.#take();
    if (first === 'cut') return MORE;
    if (!isWord(first, 'INSERT')) return NONE;
    if (!this.#skipTarget()) return this.#ended ? NONE : MORE;
    return this.#findClause();
  }

  /** A token that touches the end may go on in bytes not here yet. */
  #take(): Token | 'cut' | undefined {
    const token = nextToken(this.#text, this.#position);
    if (token === undefined) return this.#ended ? undefined : 'cut';
    if (token.end === this.#text.length && !this.#ended) return 'cut';
    this.#position = token.end;
    return token;
  }

  #peek(): Token | undefined {
    const before = this.#position;
    const token = this.#take();
    this.#position = before;
    return token === 'cut' ? undefined : token;
  }

  /** Passes `[INTO] [TABLE] [FUNCTION] name[.name] [(…)]`; false when the text ends before. */
  #skipTarget(): boolean {
    for (const word of ['INTO', 'TABLE', 'FUNCTION']) {
      if (isWord(this.#peek(), word)) this.#take();
    }
    for (;;) {
      const part = this.#take();
      if (part === 'cut' || part === undefined) return false;
      if (part.text === '{' && !this.#skipGroup()) return false;
      if (this.#peek()?.text !== '.') break;
      this.#take();
    }
    return this.#peek() !== undefined;
  }

  #skipGroup(): boolean {
    for (let depth = 1; depth > 0;) {
      const token = this.#take();
      if (token === 'cut' || token === undefined) return false;
      if (token.kind !== 'mark') continue;
      if (['(', '[', '{'].includes(token.text)) depth += 1;
      if ([')', ']', '}'].includes(token.text)) depth -= 1;
    }
    return true;
  }

  #findClause(): HeadResult {
    let infileAt = this.#position;
    let query = false;
    for (;;) {
      const token = this.#take();
      if (token === 'cut') return MORE;
      if (token === undefined) return NONE;
      if (token.text === '(') {
        if (!query && this.#startsQuery()) query = true;
        if (!this.#skipGroupNotingInput()) return this.#ended ? NONE : MORE;
        if (!query) infileAt = this.#position;
      } else if (token.kind !== 'word') {
        continue;
      } else if (token.text === 'VALUES' && !query) {
        return this.#values(infileAt, token);
      } else if (token.text === 'FORMAT' && (!query || this.#input !== undefined)) {
        return this.#format(infileAt, token, query);
      } else if (token.text === 'SETTINGS' && !query) {
        // The file clause goes before the settings, so parentheses from here on do not move it.
        return this.#settings(infileAt);
      } else if (['SELECT', 'WITH', 'FROM', 'WATCH'].includes(token.text)) {
        query = true;
      } else if (token.text === 'INPUT') {
        this.#noteInput(token);
      }
    }
  }

  #settings(infileAt: number): HeadResult {
    for (;;) {
      const token = this.#take();
      if (token === 'cut') return MORE;
      if (token === undefined) return NONE;
      if (isWord(token, 'VALUES')) return this.#values(infileAt, token);
      if (isWord(token, 'FORMAT')) return this.#format(infileAt, token, false);
      if (isWord(token, 'SELECT') || isWord(token, 'WITH')) return this.#findClause();
    }
  }

  #startsQuery(): boolean {
    const next = this.#peek();
    return ['SELECT', 'WITH', 'FROM', '('].some((text) => next?.text === text);
  }

  /** Like #skipGroup, and remembers a call of `input(…)` inside. */
  #skipGroupNotingInput(): boolean {
    for (let depth = 1; depth > 0;) {
      const token = this.#take();
      if (token === 'cut' || token === undefined) return false;
      if (isWord(token, 'INPUT')) this.#noteInput(token);
      if (token.kind !== 'mark') continue;
      if (token.text === '(') depth += 1;
      if (token.text === ')') depth -= 1;
    }
    return true;
  }

  #noteInput(token: Token): void {
    const open = this.#peek();
    if (open?.text !== '(') return;
    const inside = nextToken(this.#text, open.end);
    this.#input = { start: token.start, argumentsAt: open.end, empty: inside?.text === ')' };
  }

  #values(infileAt: number, token: Token): HeadResult {
    const text = this.#text;
    return {
      state: 'data',
      dataAt: token.end,
      format: 'Values',
      fromFile: (path) =>
        `${text.slice(0, infileAt)} FROM INFILE ${path} ${text.slice(infileAt, token.start)} FORMAT Values`,
    };
  }

  #format(infileAt: number, token: Token, query: boolean): HeadResult {
    const name = this.#take();
    if (name === 'cut') return MORE;
    if (name?.kind !== 'word') return NONE;
    const dataAt = this.#dataStart(name.end);
    if (dataAt === undefined) return MORE;
    const text = this.#text;
    const format = text.slice(name.start, name.end);
    if (/^[ \t\f]*;/.test(text.slice(name.end, dataAt + 1))) {
      throw clickHouseError(
        'SYNTAX_ERROR',
        "You have excessive ';' symbol before data for INSERT.",
      );
    }
    const input = this.#input;
    if (query && input !== undefined) {
      const separator = input.empty ? '' : ', ';
      return {
        state: 'data',
        dataAt,
        format,
        fromFile: (path) =>
          `${text.slice(0, input.start)}file(${path}, '${format}'${separator}${text.slice(input.argumentsAt, token.start)}`,
      };
    }
    return {
      state: 'data',
      dataAt,
      format,
      fromFile: (path) =>
        `${text.slice(0, infileAt)} FROM INFILE ${path} ${text.slice(infileAt, token.start)} FORMAT ${format}`,
    };
  }

  /** Data begin after the name, blanks and one line break, as ClickHouse's own parser has it. */
  #dataStart(from: number): number | undefined {
    let at = from;
    while (at < this.#text.length && ' \t\f'.includes(this.#text.charAt(at))) at += 1;
    if (this.#text[at] === '\r') at += 1;
    if (this.#text[at] === '\n') return at + 1;
    return at < this.#text.length || this.#ended ? at : undefined;
  }
}
