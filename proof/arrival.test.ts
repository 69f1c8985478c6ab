/** WAL positions in messages. */
import { expect, test } from 'vitest';
import { lsnText } from './arrival.ts';

test('a place in the WAL is written as Postgres writes it', () => {
  expect(lsnText(0x16b374d848n)).toBe('16/B374D848');
  expect(lsnText(10n)).toBe('0/A');
});
