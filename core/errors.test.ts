import { describe, expect, test } from 'vitest';
import { AppError, ERROR_CODES, errorText } from './errors.ts';

test('every code is WICK, a stage and what happened, and stands once in the list', () => {
  expect(ERROR_CODES.filter((code) => !/^WICK(_[A-Z]+)+$/.test(code))).toEqual([]);
  expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
});

test('an error carries its code and, unless told otherwise, is not worth trying again', () => {
  const error = new AppError('WICK_CONFIG_INVALID', 'DB_PORT is "x"');
  expect(error).toMatchObject({
    name: 'AppError',
    code: 'WICK_CONFIG_INVALID',
    message: 'DB_PORT is "x"',
    retryable: false,
    details: {},
  });
  expect(Object.hasOwn(error, 'cause')).toBe(false);
});

test('an error keeps cause, details and that trying again may help', () => {
  const cause = new Error('refused');
  const error = new AppError('WICK_STORE_UNREACHABLE', 'no answer', {
    cause,
    retryable: true,
    details: { host: 'db' },
  });
  expect(error).toMatchObject({ cause, retryable: true, details: { host: 'db' } });
});

describe('the text of', () => {
  test.each<[string, unknown, string]>([
    ['an error is its message', new Error('no luck'), 'no luck'],
    ['an error without a message is its name', new TypeError(), 'TypeError'],
    ['a text is itself', 'no luck', 'no luck'],
    ['nothing is said', undefined, 'undefined'],
    ['null is said', null, 'null'],
    [
      'an error goes on with its causes',
      new Error('a', { cause: new Error('b', { cause: 'c' }) }),
      'a: b: c',
    ],
    [
      'an error that repeats its cause says it once',
      new Error('x did not answer: refused', { cause: new Error('refused') }),
      'x did not answer: refused',
    ],
    [
      'several errors names each with its causes',
      new AggregateError([new Error('a', { cause: new Error('b') }), 'c'], 'all failed'),
      'all failed; a: b; c',
    ],
    ['several errors without a message is its name', new AggregateError([1]), 'AggregateError; 1'],
    ['no errors at all is the message', new AggregateError([], 'none'), 'none'],
  ])('%s', (_name, error, expected) => {
    expect(errorText(error)).toBe(expected);
  });
});
