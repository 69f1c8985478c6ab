import { expect, test } from 'vitest';
import { framed, unframed } from './wire.ts';

test('a message is a zero byte, the schema id in four bytes and the Avro bytes', () => {
  const value = framed(0x01_02_03_04, Buffer.from('ab', 'utf8'));
  expect(value.toString('hex')).toBe('00010203046162');
  expect(unframed(value)).toEqual({ schemaId: 0x01_02_03_04, avro: Buffer.from('ab', 'utf8') });
});

test.each(['', '00', '00000001', '0100000001aa', '7b22613a'])(
  '"%s" is not in the format',
  (hex) => {
    expect(() => unframed(Buffer.from(hex, 'hex'))).toThrow('does not begin with byte 00');
  },
);
