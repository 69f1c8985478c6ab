/** Logs in words, as commands write them; the JSON lines are pino's own. */
import { expect, test } from 'vitest';
import { createPlainLogger } from './logger.ts';

function lines(log: (logger: ReturnType<typeof createPlainLogger>) => void): readonly string[] {
  const written: string[] = [];
  log(createPlainLogger('info', (line) => written.push(line)));
  return written;
}

test('a line is its message, its fields, and the reason behind a colon', () => {
  const fields = { venue: 'coinbase', ms: 365, reason: 'no answer' };
  expect(lines((logger) => logger.warn(fields, 'asked again'))).toEqual([
    'asked again (venue coinbase, ms 365): no answer',
  ]);
  expect(lines((logger) => logger.info('done'))).toEqual(['done']);
});

test('an error is told by its message, without its trace', () => {
  expect(lines((logger) => logger.error({ err: new Error('no luck') }, 'failed'))).toEqual([
    'failed: no luck',
  ]);
});

test('what is less severe than the level is not written, and secrets never are', () => {
  expect(lines((logger) => logger.debug('seen'))).toEqual([]);
  const [line] = lines((logger) => logger.warn({ password: 'swordfish' }, 'refused'));
  expect(line).toBe('refused (password ***)');
});
