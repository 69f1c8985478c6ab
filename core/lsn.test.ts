import { expect, test } from 'vitest';
import { lsnOf, lsnText } from './lsn.ts';

test('a place in the WAL is written as Postgres writes it', () => {
  expect(lsnText(0x16b374d848n)).toBe('16/B374D848');
  expect(lsnText(10n)).toBe('0/A');
});

test('and read back as the number that it is', () => {
  for (const lsn of [0n, 10n, 0xffff_ffffn, 0x16b374d848n]) expect(lsnOf(lsnText(lsn))).toBe(lsn);
});
