/**
 * Tokens of ClickHouse SQL, one at a time. In: text in which one character is one byte (latin1), so that
 * offsets are byte offsets. Out: words, strings, quoted identifiers and single punctuation marks; white space
 * and comments are skipped. Only as fine as finding clauses needs: numbers are words, operators are marks.
 */

export type TokenKind = 'word' | 'string' | 'identifier' | 'mark' | 'unclosed';

export interface Token {
  readonly kind: TokenKind;
  /** Upper case for words, so that keywords compare; otherwise as written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const SPACE = /[ \t\n\r\f\v]+/y;
const LINE_COMMENT = /(?:--|\/\/|#[ !])[^\n]*/y;
const WORD = /[A-Za-z0-9_$\x80-\xff]+/y;
const HEREDOC_OPEN = /\$[A-Za-z0-9_]*\$/y;

/** The first token at or after `from`; undefined at the end of the text. */
export function nextToken(text: string, from: number): Token | undefined {
  let start = from;
  for (;;) {
    const next = skipOnce(text, start);
    if (next === 'unclosed') return { kind: 'unclosed', text: '/*', start, end: text.length };
    if (next === start) break;
    start = next;
  }
  const first = text[start];
  if (first === undefined) return undefined;
  if (first === "'") return quoted(text, start, 'string');
  if (first === '"' || first === '`') return quoted(text, start, 'identifier');
  const heredoc = first === '$' ? heredocEnd(text, start) : undefined;
  if (heredoc !== undefined) return token(text, 'string', start, heredoc);
  const wordEnd = matchEnd(WORD, text, start);
  if (wordEnd !== undefined) {
    return { kind: 'word', text: text.slice(start, wordEnd).toUpperCase(), start, end: wordEnd };
  }
  return token(text, 'mark', start, start + 1);
}

/** All tokens of a text. */
export function* tokens(text: string, from = 0): Generator<Token> {
  let position = from;
  for (;;) {
    const next = nextToken(text, position);
    if (next === undefined) return;
    yield next;
    position = next.end;
  }
}

function skipOnce(text: string, from: number): number | 'unclosed' {
  const skipped = matchEnd(SPACE, text, from) ?? matchEnd(LINE_COMMENT, text, from);
  if (skipped !== undefined) return skipped;
  if (!text.startsWith('/*', from)) return from;
  let depth = 0;
  for (let at = from; at < text.length;) {
    if (text.startsWith('/*', at)) {
      depth += 1;
      at += 2;
    } else if (text.startsWith('*/', at)) {
      depth -= 1;
      at += 2;
      if (depth === 0) return at;
    } else {
      at += 1;
    }
  }
  return 'unclosed';
}

function quoted(text: string, start: number, kind: TokenKind): Token {
  const quote = text.charAt(start);
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) {
      if (text[at + 1] === quote) at += 1;
      else return token(text, kind, start, at + 1);
    }
  }
  return token(text, 'unclosed', start, text.length);
}

function heredocEnd(text: string, start: number): number | undefined {
  const openEnd = matchEnd(HEREDOC_OPEN, text, start);
  if (openEnd === undefined) return undefined;
  const tag = text.slice(start, openEnd);
  const close = text.indexOf(tag, openEnd);
  return close === -1 ? undefined : close + tag.length;
}

function matchEnd(pattern: RegExp, text: string, from: number): number | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function token(text: string, kind: TokenKind, start: number, end: number): Token {
  return { kind, text: text.slice(start, end), start, end };
}
