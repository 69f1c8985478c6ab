/**
 * The bytes of RowBinary against what the format's page says, with big integers as the oracle: every
 * decimal that fits must come out as its value times 10^18, bit for bit.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import { RowBinaryWriter } from './row-binary.ts';

function bytesOf(write: (writer: RowBinaryWriter) => void): string {
  const writer = new RowBinaryWriter();
  write(writer);
  return writer.take().toString('hex');
}

/** `value` as so many bytes, little endian, two's complement. */
function littleEndian(value: bigint, bytes: number): string {
  const unsigned = BigInt.asUintN(bytes * 8, value).toString(16);
  const hex = unsigned.padStart(bytes * 2, '0');
  return (hex.match(/../g) ?? []).reverse().join('');
}

describe('decimal', () => {
  const whole = fc.bigInt({ min: 0n, max: 10n ** 20n - 1n });
  const fraction = fc.bigInt({ min: 0n, max: 10n ** 18n - 1n });
  const anyDecimal = fc.record({
    negative: fc.boolean(),
    // Short and long ones take different ways.
    whole: fc.oneof(fc.bigInt({ min: 0n, max: 99_999n }), whole),
    fraction: fc.oneof(
      fc.constant(0n),
      fc.bigInt({ min: 0n, max: 999n }).map((value) => value * 10n ** 15n),
      fraction,
    ),
  });

  test('is the value times 10^18 in 128 bits, for every value that fits', () => {
    fc.assert(
      fc.property(anyDecimal, (parts) => {
        const magnitude = parts.whole * 10n ** 18n + parts.fraction;
        const text = `${parts.negative ? '-' : ''}${parts.whole}.${String(parts.fraction).padStart(18, '0')}`;
        const written = bytesOf((writer) => writer.decimal(decimal(text)));
        expect(written).toBe(littleEndian(parts.negative ? -magnitude : magnitude, 16));
      }),
      { numRuns: 5_000 },
    );
  });

  test('is that also where the digits just fit a double', () => {
    const digits = fc.bigInt({ min: 10n ** 11n, max: 10n ** 17n });
    fc.assert(
      fc.property(
        digits,
        fc.integer({ min: 0, max: 18 }),
        fc.boolean(),
        (value, scale, negative) => {
          const padded = String(value).padStart(scale + 1, '0');
          const at = padded.length - scale;
          const text = `${negative ? '-' : ''}${padded.slice(0, at)}${scale === 0 ? '' : `.${padded.slice(at)}`}`;
          const scaled = value * 10n ** BigInt(18 - scale);
          const written = bytesOf((writer) => writer.decimal(decimal(text)));
          expect(written).toBe(littleEndian(negative ? -scaled : scaled, 16));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  const edges = [
    '0',
    '1',
    '-1',
    '0.000000000000000001',
    '-0.000000000000000001',
    '99999999999999999999.999999999999999999',
    '-99999999999999999999.999999999999999999',
    // Where a double stops to hold every digit.
    '900719925474099.1',
    '9007199254740991',
    '9007199254740993',
    '0.9007199254740993',
    // Whose lowest 32 bits are zero, so that turning the sign carries on; and 64.
    '-16384',
    '-70368744177664',
    '-0.000000004294967296',
    '-18.446744073709551616',
  ];
  test.each(edges)('writes %s exactly', (text) => {
    const [integer = '', rest = ''] = text.split('.');
    const scaled = BigInt(integer + rest.padEnd(18, '0'));
    expect(bytesOf((writer) => writer.decimal(decimal(text)))).toBe(littleEndian(scaled, 16));
  });
});

describe('integers and floats', () => {
  test('a 128-bit integer is written low byte first', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
        expect(bytesOf((writer) => writer.uint128(value))).toBe(littleEndian(value, 16));
      }),
    );
  });

  test('a 64-bit integer out of a double keeps its sign and all its digits', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(bytesOf((writer) => writer.int64(value))).toBe(littleEndian(BigInt(value), 8));
      }),
    );
  });

  test('a float is its 64 bits', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const expected = Buffer.alloc(8);
        expected.writeDoubleLE(value);
        expect(bytesOf((writer) => writer.float64(value))).toBe(expected.toString('hex'));
      }),
    );
  });
});

describe('strings', () => {
  test('a string is its length in bytes and its UTF-8, whatever its characters', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const utf8 = Buffer.from(text, 'utf8');
        const expected = bytesOf((writer) => {
          writer.varint(utf8.length);
          writer.raw(utf8);
        });
        expect(bytesOf((writer) => writer.string(text))).toBe(expected);
      }),
    );
  });

  test('a length of 128 takes two bytes', () => {
    const text = 'é'.repeat(64);
    expect(bytesOf((writer) => writer.string(text)).slice(0, 4)).toBe('8001');
  });
});

test('bytes survive the growth of the buffer and start anew after they are taken', () => {
  const writer = new RowBinaryWriter();
  for (let index = 0; index < 100_000; index += 1) writer.uint32(index);
  const taken = writer.take();
  writer.uint32(7);
  expect(taken.length).toBe(400_000);
  expect(taken.readUInt32LE(399_996)).toBe(99_999);
  expect(writer.take().toString('hex')).toBe('07000000');
});
