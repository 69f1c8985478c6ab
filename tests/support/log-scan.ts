/**
 * Finds the lines of a log that nobody expected. In: the text, what the test provokes on purpose. Out:
 * the lines that fail it: of our own processes everything at warn or worse and everything that is not
 * a log line at all; of engines what says ERROR, FATAL or PANIC.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';

const WARN = 40;
const ENGINE_TROUBLE =
  /\b(ERROR|FATAL|PANIC|SEVERE)\b|<(Error|Fatal)>|"level":[456]0|Exception in thread|OutOfMemoryError/;
const LINE_CHARACTERS_MAX = 600;

const OwnLine = Compile(Type.Object({ level: Type.Number(), msg: Type.Optional(Type.String()) }));

/** @param text JSON lines, as our logger writes them. */
export function unexpectedOwnLines(text: string, expected: readonly RegExp[]): string[] {
  return linesOf(text).filter((line) => isTrouble(line) && !isExpected(line, expected));
}

export function unexpectedEngineLines(text: string, expected: readonly RegExp[]): string[] {
  return linesOf(text).filter((line) => ENGINE_TROUBLE.test(line) && !isExpected(line, expected));
}

function isTrouble(line: string): boolean {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    // A stack trace, a warning of the runtime: nothing we meant to write.
    return error instanceof SyntaxError;
  }
  return !OwnLine.Check(json) || json.level >= WARN;
}

function isExpected(line: string, expected: readonly RegExp[]): boolean {
  return expected.some((pattern) => pattern.test(line));
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.slice(0, LINE_CHARACTERS_MAX));
}
