import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { AppError } from '#core/errors.ts';
import { describeFailure, failureJson } from './failure.ts';

const coded = (message: string, code: string): Error => Object.assign(new Error(message), { code });

test.each(['WICK_USAGE', 'WICK_CONFIG_INVALID'] as const)('%s is wrong usage: exit 2', (code) => {
  expect(describeFailure(new AppError(code, 'Give a number'))).toEqual({
    code,
    message: 'Give a number',
    text: 'Give a number',
    exitCode: 2,
  });
});

test('other foreseen errors are one sentence and exit 1', () => {
  const error = new AppError('WICK_LOCAL_PORT_BUSY', 'Port 8083 is in use', { cause: new Error() });
  expect(describeFailure(error)).toEqual({
    code: 'WICK_LOCAL_PORT_BUSY',
    message: 'Port 8083 is in use',
    text: 'Port 8083 is in use',
    exitCode: 1,
  });
});

test.each([
  ['a refused connection', coded('connect ECONNREFUSED 127.0.0.1:15432', 'ECONNREFUSED')],
  [
    'both addresses of a host',
    new AggregateError([
      coded('connect ECONNREFUSED ::1:15432', 'ECONNREFUSED'),
      coded('connect ECONNREFUSED 127.0.0.1:15432', 'ECONNREFUSED'),
    ]),
  ],
  [
    'a cause',
    new TypeError('fetch failed', { cause: coded('getaddrinfo ENOTFOUND db', 'ENOTFOUND') }),
  ],
  ['kafkajs', Object.assign(new Error('Connection timeout'), { name: 'KafkaJSConnectionError' })],
])('%s says that a store does not answer, without a trace', (_, error) => {
  const { code, message, text, exitCode } = describeFailure(error);
  expect(text).toMatch(
    /^A store does not answer \(.+\); is the stack running\? "npm run wick -- status" says which$/,
  );
  expect([code, message, exitCode]).toEqual(['WICK_STORE_UNREACHABLE', text, 1]);
});

test('a refused login names the variables', () => {
  const failure = describeFailure(coded('password authentication failed for user "w"', '28P01'));
  expect(failure).toMatchObject({
    code: 'WICK_STORE_REFUSED',
    text: 'Postgres refuses the login (password authentication failed for user "w"); check DB_USER and DB_PASSWORD',
  });
});

test('what nobody foresaw keeps its trace, for people only', () => {
  const { code, message, text, exitCode } = describeFailure(new RangeError('Invalid array length'));
  expect(text).toMatch(/^RangeError: Invalid array length\n {4}at /);
  expect([code, message, exitCode]).toEqual(['WICK_INTERNAL', 'Invalid array length', 1]);
  expect(describeFailure('thrown text').text).toBe('thrown text');
});

test('a module that is missing elsewhere than in local/ is a bug, not an image', () => {
  const missing = (path: string): Error =>
    coded(
      `Cannot find module '${path}' imported from /app/scripts/wick.ts`,
      'ERR_MODULE_NOT_FOUND',
    );
  expect(describeFailure(missing('/app/local/stack/layout.ts')).text).toContain(
    'not part of this image; use "docker compose up -d"',
  );
  expect(describeFailure(missing('/app/core/time.ts')).text).toContain('Cannot find module');
});

test('a wrong command line was told by its parser already', () => {
  const error = new CommanderError(1, 'commander.unknownOption', "error: unknown option '--onse'");
  expect(describeFailure(error)).toEqual({
    code: 'WICK_USAGE',
    message: "unknown option '--onse'",
    text: null,
    exitCode: 2,
  });
});

test('for programs a failure is one object on one line', () => {
  const line = failureJson({ code: 'WICK_USAGE', message: 'Give a "number"\nplease' });
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual({
    error: { code: 'WICK_USAGE', message: 'Give a "number"\nplease' },
  });
});
