import { expect, test } from 'vitest';
import { linesOfJson } from './json-lines.ts';

test('each value has the line it stands in', () => {
  const text =
    '{\n "a": 1,\n "b": [\n  {"c/d": "x,]}\\"\\n"},\n  [], 2,\n\n  null ],\n "e":\n  {}\n}';
  expect(Object.fromEntries(linesOfJson(text))).toEqual({
    '': 1,
    '/a': 2,
    '/b': 3,
    '/b/0': 4,
    '/b/0/c~1d': 4,
    '/b/1': 5,
    '/b/2': 5,
    '/b/3': 7,
    '/e': 8,
  });
});

test('a text of one value has one line', () => {
  expect([...linesOfJson('\n\n"a"')]).toEqual([['', 3]]);
});
