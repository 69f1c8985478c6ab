/**
 * What kind of statement a request holds, and where the front may put a clause of its own. In: the SQL as
 * latin1 text (one character is one byte). Out: the kind, the place for INTO OUTFILE, the FORMAT that is named.
 * Invariant: text outside the marked places is never changed. Syntax is judged by the engine, not here.
 */
import { clickHouseError } from './clickhouse-error.ts';
import { type Token, tokens } from './sql-lexer.ts';

/**
 * `read` gives rows through a result pipe and ends when its client leaves; `kill` and `other` give at most a
 * few rows; `set` and `use` change a session.
 */
export type StatementKind = 'read' | 'set' | 'use' | 'kill' | 'insert' | 'other';

export interface Statement {
  readonly kind: StatementKind;
  /** True where the statement changes nothing, so that GET may carry it. */
  readonly readonly: boolean;
  readonly sql: string;
  /** End of the last token that counts; what follows are comments and a closing `;`. */
  readonly end: number;
  readonly format: { readonly name: string; readonly at: number } | undefined;
  readonly list: readonly Token[];
}

const READ_VERBS = new Set([
  'SELECT',
  'WITH',
  'FROM',
  '(',
  'SHOW',
  'DESCRIBE',
  'DESC',
  'EXISTS',
  'EXPLAIN',
]);
const OPENING = new Set(['(', '[', '{']);
const CLOSING = new Set([')', ']', '}']);

/** Parses one statement. @throws ClickHouseError for an empty text, several statements, or a file clause. */
export function parseStatement(sql: string): Statement {
  const list: Token[] = [];
  const top: Token[] = [];
  let depth = 0;
  let ended = false;
  for (const token of tokens(sql)) {
    if (ended && token.text !== ';') throw severalStatements(token);
    if (token.kind === 'mark' && CLOSING.has(token.text)) depth -= 1;
    if (depth === 0 && token.kind === 'mark' && token.text === ';') {
      ended = true;
      continue;
    }
    if (depth === 0) top.push(token);
    if (token.kind === 'mark' && OPENING.has(token.text)) depth += 1;
    list.push(token);
  }
  const first = list[0];
  const last = list.at(-1);
  if (first === undefined || last === undefined)
    throw clickHouseError('SYNTAX_ERROR', 'Empty query');
  refuseFiles(top);
  const kind = statementKind(first, top);
  return {
    kind,
    readonly: kind === 'read' || kind === 'set' || kind === 'use' || first.text === 'CHECK',
    sql,
    end: last.end,
    format: findFormat(top),
    list,
  };
}

function statementKind(first: Token, top: readonly Token[]): StatementKind {
  if (first.text === 'WITH' && top.some((token) => isWord(token, 'INSERT'))) return 'insert';
  if (READ_VERBS.has(first.text)) return 'read';
  if (first.text === 'INSERT') return 'insert';
  if (first.text === 'SET' && !isWord(top[1], 'ROLE') && !isWord(top[1], 'DEFAULT')) return 'set';
  if (first.text === 'USE') return 'use';
  if (first.text === 'KILL' && isWord(top[1], 'QUERY')) return 'kill';
  return 'other';
}

/** `FORMAT name` at the end or before SETTINGS; anywhere else the word is a column. */
function findFormat(top: readonly Token[]): Statement['format'] {
  for (let at = top.length - 2; at > 0; at -= 1) {
    const name = top[at + 1];
    const after = top[at + 2];
    if (!isWord(top[at], 'FORMAT') || name?.kind !== 'word') continue;
    if (after !== undefined && !isWord(after, 'SETTINGS')) continue;
    return { name: name.text, at: top[at]?.start ?? 0 };
  }
  return undefined;
}

function refuseFiles(top: readonly Token[]): void {
  for (const [at, token] of top.entries()) {
    if (isWord(token, 'INTO') && isWord(top[at + 1], 'OUTFILE')) {
      throw clickHouseError('INTO_OUTFILE_NOT_ALLOWED', 'INTO OUTFILE is not allowed');
    }
    if (isWord(token, 'FROM') && isWord(top[at + 1], 'INFILE')) {
      throw clickHouseError(
        'UNKNOWN_TYPE_OF_QUERY',
        'Query has infile and was sent directly to the server: send the data as the body of the request',
      );
    }
  }
}

/** The name as written: token text of words is upper case. */
export function formatName(statement: Statement): string | undefined {
  const at = statement.format?.at;
  if (at === undefined) return undefined;
  const found = statement.list.findIndex((token) => token.start === at);
  const name = statement.list[found + 1];
  return name === undefined ? undefined : statement.sql.slice(name.start, name.end);
}

/** The statement with its rows going to the pipe or file at `quotedPath`. */
export function intoOutfile(statement: Statement, quotedPath: string, format: string): string {
  const { sql, end } = statement;
  const clause = `\nINTO OUTFILE ${quotedPath} APPEND`;
  const at = statement.format?.at;
  if (at === undefined) return `${sql.slice(0, end)}${clause} FORMAT ${format}`;
  return `${sql.slice(0, at)}${clause} ${sql.slice(at, end)}`;
}

/** The statement with every bare word `name` replaced; strings and quoted names stay. */
export function replaceWord(statement: Statement, name: string, replacement: string): string {
  let out = '';
  let position = 0;
  for (const token of statement.list) {
    if (!isWord(token, name)) continue;
    out += statement.sql.slice(position, token.start) + replacement;
    position = token.end;
  }
  return out + statement.sql.slice(position, statement.end);
}

/** Names of `{name:Type}` substitutions. */
export function substitutions(statement: Statement): Set<string> {
  const names = new Set<string>();
  for (const [at, token] of statement.list.entries()) {
    const name = statement.list[at + 1];
    const colon = statement.list[at + 2];
    if (token.text === '{' && name?.kind === 'word' && colon?.text === ':') {
      names.add(statement.sql.slice(name.start, name.end));
    }
  }
  return names;
}

export function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text === text;
}

function severalStatements(token: Token): Error {
  return clickHouseError(
    'SYNTAX_ERROR',
    `Syntax error (Multi-statements are not allowed): failed at position ${token.start + 1}`,
  );
}
