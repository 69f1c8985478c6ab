/** The scan of logs finds what is planted in them, and nothing else. */
import { expect, test } from 'vitest';
import { unexpectedEngineLines, unexpectedOwnLines } from './log-scan.ts';

const own = (level: number, msg: string): string =>
  JSON.stringify({ level, name: 'analyzer', msg });

test('lines of our own processes below warn pass', () => {
  const text = `${own(30, 'started')}\n${own(20, 'detail')}\n`;
  expect(unexpectedOwnLines(text, [])).toEqual([]);
});

test.each([
  ['a warning', own(40, 'insert failed')],
  ['an error', own(50, 'gone')],
  ['a stack trace', 'TypeError: x is not a function'],
  ['a warning of the runtime', '(node:7) ExperimentalWarning: x'],
  ['JSON that is no log line', '{"a":1}'],
])('%s of our own process is found', (_what, line) => {
  expect(unexpectedOwnLines(`${own(30, 'started')}\n${line}\n`, [])).toEqual([line]);
});

test('what a test provokes on purpose passes, and only that', () => {
  const lines = [own(40, 'records parked'), own(40, 'records lost')];
  expect(unexpectedOwnLines(lines.join('\n'), [/records parked/])).toEqual([lines[1]]);
});

test.each([
  '2026-11-21 06:00:01,123 ERROR org.apache.kafka.connect: no',
  '2026-11-21 06:00:01.123 UTC [7] FATAL:  terminating connection',
  '2026-11-21 06:00:01.123 UTC [7] PANIC:  could not write',
  '2026.11.21 06:00:01.123456 [ 7 ] {} <Error> main: no',
  '{"level":40,"msg":"no"}',
  'Exception in thread "main" java.lang.NullPointerException',
])('an engine that says "%s" is found', (line) => {
  expect(unexpectedEngineLines(`LOG:  fine\nWARN slow\n${line}\n`, [])).toEqual([line]);
  expect(unexpectedEngineLines(line, [/7|no|main/])).toEqual([]);
});
