import { expect, test } from 'vitest';
import { avroType } from './contract.ts';
import { framed, unframed } from './wire.ts';

const TYPE = avroType(
  JSON.stringify({ type: 'record', name: 'T', fields: [{ name: 'a', type: 'string' }] }),
);

test('a message is a zero byte, the schema id in four bytes and the Avro bytes', () => {
  const value = framed(0x01_02_03_04, TYPE, { a: 'ab' });
  expect(value.toString('hex')).toBe('0001020304046162');
  expect(unframed(value)).toEqual({ schemaId: 0x01_02_03_04, avro: TYPE.toBuffer({ a: 'ab' }) });
});

test.each([10, 16_376, 16_377, 16_384, 100_000])('a text of %i bytes is whole', (length) => {
  const a = 'x'.repeat(length);
  const { avro } = unframed(framed(7, TYPE, { a }));
  expect({ ...TYPE.fromBuffer(avro) }).toEqual({ a });
});

test('messages do not share their bytes', () => {
  const first = framed(7, TYPE, { a: 'first' });
  framed(7, TYPE, { a: 'other' });
  expect({ ...TYPE.fromBuffer(unframed(first).avro) }).toEqual({ a: 'first' });
});

test('a value of another type is refused', () => {
  expect(() => framed(7, TYPE, { a: 1 })).toThrow('invalid');
});

test.each(['', '00', '00000001', '0100000001aa', '7b22613a'])(
  '"%s" is not in the format',
  (hex) => {
    expect(() => unframed(Buffer.from(hex, 'hex'))).toThrow('does not begin with byte 00');
  },
);
