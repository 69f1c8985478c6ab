import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimal, type DecimalString } from '#core/decimal.ts';
import { floatBits, BinaryReader } from '../../tests/support/binary-reader.ts';
import { BinaryWriter } from './binary-writer.ts';

const RUNS = { numRuns: 500, seed: 20_250_601 };
const LARGEST = `${'9'.repeat(20)}.${'9'.repeat(18)}`;
const SMALLEST = `0.${'0'.repeat(17)}1`;

/** What `write` wrote, read back as `type`; there must be nothing else. */
function roundTrip(type: string, write: (writer: BinaryWriter) => void) {
  const writer = new BinaryWriter();
  write(writer);
  const reader = new BinaryReader(writer.take());
  const cell = reader.read(type);
  expect(reader.isAtEnd).toBe(true);
  return cell;
}

function checkDecimal(text: string): void {
  expect(roundTrip('Decimal(38, 18)', (writer) => writer.decimal(decimal(text)))).toBe(text);
}

describe('a decimal keeps every digit', () => {
  test.each([SMALLEST, `-${SMALLEST}`, LARGEST, `-${LARGEST}`, '9'.repeat(20)])('%s', checkDecimal);
  test.each(
    `0 1 -1 0.1 0.5 94500.5 -94500.5 10000000000000000000 0.999999999999999999 4294967296 -4294967296
     18446744073.709551615 18446744073.709551616 -18446744073.709551615 -18446744073.709551616
     9007199254740991 9007199254740992 9007199254740993 -9007199254740993 9007199254740999
     9007199254740989 9007199254740990 9007199254741000 900719925474099.3 90071992547409.93
     0.009007199254740993 8999999999999999 40282366920938463463.374607431768211455 900719925474099.1
     -16384 -70368744177664 -0.000000004294967296 -18.446744073709551616 0.9007199254740993`.split(
      /\s+/,
    ),
  )('%s', checkDecimal);

  const sign = fc.constantFrom('', '-');
  const anyDecimal = fc
    .tuple(
      sign,
      fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }),
      fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }),
    )
    .map(([minus, whole, fraction]) => `${minus}${whole}.${String(fraction).padStart(18, '0')}`);
  /** Few digits, as prices have, with the point anywhere. */
  const anyPrice = fc
    .tuple(sign, fc.stringMatching(/^\d{1,17}$/), fc.nat({ max: 18 }))
    .map(([minus, digits, places]) => {
      const padded = digits.padStart(places + 1, '0');
      const point = padded.length - places;
      return `${minus}${padded.slice(0, point)}.${padded.slice(point)}`;
    });
  /** Where a double stops being exact, and where words of the 128 bits carry. */
  const anyEdge = fc
    .tuple(
      sign,
      fc.constantFrom(...[24n, 32n, 48n, 53n, 63n, 64n, 96n, 126n].map((power) => 2n ** power)),
      fc.bigInt({ min: -20n, max: 20n }),
      fc.nat({ max: 18 }),
    )
    .map(([minus, edge, step, places]) => {
      const padded = String(edge + step).padStart(places + 1, '0');
      const point = padded.length - places;
      return `${minus}${padded.slice(0, point)}.${padded.slice(point)}`;
    })
    .filter((text) => /^-?\d{1,20}\./.test(text));

  test('whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(anyDecimal, anyPrice, anyEdge), (text) => checkDecimal(decimal(text))),
      { ...RUNS, numRuns: 3000 },
    );
  });

  test('next to another one', () => {
    const writer = new BinaryWriter();
    const texts = ['-1', LARGEST, '0', `-${SMALLEST}`, '7'].map((text) => decimal(text));
    for (const text of texts) writer.decimal(text);
    const reader = new BinaryReader(writer.bytes());
    expect(texts.map(() => reader.read('Decimal(38, 18)'))).toEqual(texts);
  });
});

describe('an integer is kept', () => {
  const wide = [
    0, 1, -1, 255, 2147483648, -2147483648, 4294967295, 4294967296, -4294967296, -4294967297,
    1748736000000, 9007199254740991, -9007199254740991,
  ];
  test.each<[string, readonly number[], 'uint8' | 'uint16' | 'uint32' | 'int64']>([
    ['UInt8', [0, 1, 255], 'uint8'],
    ['UInt16', [0, 255, 256, 65_535], 'uint16'],
    ['UInt32', [0, 65_536, 2_147_483_648, 4_294_967_295], 'uint32'],
    ['Int64', wide, 'int64'],
  ])('as %s', (type, values, method) => {
    for (const value of values) {
      expect(roundTrip(type, (writer) => writer[method](value))).toBe(String(value));
    }
  });

  test('as Int64, whatever it is', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(roundTrip('Int64', (writer) => writer.int64(value))).toBe(String(value));
      }),
      RUNS,
    );
  });

  test.each([64, 128])('as UInt%i, whatever it is', (bits) => {
    const max = 2n ** BigInt(bits) - 1n;
    const edges = [0n, 1n, 2n ** 63n, 2n ** 64n - 1n, max - 1n, max];
    const any = fc.oneof(fc.bigInt({ min: 0n, max }), fc.constantFrom(...edges));
    fc.assert(
      fc.property(any, (value) => {
        const write = (writer: BinaryWriter): void =>
          bits === 64 ? writer.uint64(value) : writer.uint128(value);
        expect(roundTrip(`UInt${bits}`, write)).toBe(String(value));
      }),
      RUNS,
    );
  });
});

test('a float keeps its bits, a negative zero too', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      const cell = roundTrip('Float64', (writer) => writer.float64(value));
      expect(cell).toBe(floatBits(value));
    }),
    RUNS,
  );
});

test.each([
  0, 1, 127, 128, 129, 255, 256, 16383, 16384, 2097151, 2097152, 2147483648, 4294967296,
  1099511627776,
])('a length of %i is one LEB128', (value) => {
  const writer = new BinaryWriter();
  writer.varint(value);
  const bytes = writer.take();
  expect(bytes).toHaveLength(Math.max(1, Math.ceil(value.toString(2).length / 7)));
  expect(new BinaryReader(bytes).varint()).toBe(value);
});

describe('a text is kept', () => {
  const check = (text: string): void => {
    const expected = Buffer.from(text, 'utf8').toString('utf8');
    expect(roundTrip('String', (writer) => writer.string(text))).toBe(expected);
  };

  test.each([63, 64, 65, 127, 128, 200, 16_383, 16_384, 70_000])('of %i characters', (length) => {
    check('a'.repeat(length));
    check('ü'.repeat(length));
    check(`${'a'.repeat(length - 1)}€`);
  });

  test('whatever it is', () => {
    const unit = fc.constantFrom('binary' as const, 'grapheme' as const);
    fc.assert(
      fc.property(
        unit.chain((kind) => fc.string({ unit: kind, maxLength: 200 })),
        check,
      ),
      RUNS,
    );
  });
});

test('bytes of 0 are 0 wherever they are, old bytes or not', () => {
  const writer = new BinaryWriter();
  writer.uint128(2n ** 128n - 1n);
  writer.clear();
  writer.zeros(16);
  expect([...writer.bytes()]).toEqual(Array.from({ length: 16 }, () => 0));
});

describe('the buffer', () => {
  /** One value of every width, in turn. */
  const writes: ((writer: BinaryWriter, index: number) => void)[] = [
    (writer, index) => writer.decimal(String(index) as DecimalString),
    (writer, index) => writer.string('x'.repeat(index % 300)),
    (writer, index) => writer.uint128(BigInt(index)),
    (writer, index) => writer.raw(Buffer.alloc(index % 70, index % 256)),
    (writer, index) => writer.uint8(index % 256),
  ];

  test('grows without losing or moving a byte', () => {
    const whole = new BinaryWriter();
    const parts: Buffer[] = [];
    for (let index = 0; index < 5000; index += 1) {
      const write = writes[index % writes.length]!;
      const part = new BinaryWriter();
      write(whole, index);
      write(part, index);
      parts.push(part.take());
    }
    const expected = Buffer.concat(parts);
    expect(expected.length).toBeGreaterThan(200_000);
    expect(whole.length).toBe(expected.length);
    expect(whole.bytes().equals(expected)).toBe(true);
  });

  test('takes one value larger than itself', () => {
    const writer = new BinaryWriter();
    writer.uint8(7);
    writer.raw(Buffer.alloc(1_000_000, 9));
    writer.uint8(8);
    const bytes = writer.take();
    expect([bytes.length, bytes[0], bytes[1], bytes.at(-2), bytes.at(-1)]).toEqual([
      1_000_002, 7, 9, 9, 8,
    ]);
  });

  test('that was taken is the taker’s: later writes do not reach it', () => {
    const writer = new BinaryWriter();
    writer.string('first');
    const taken = writer.take();
    expect(writer.length).toBe(0);
    writer.string('other');
    expect(new BinaryReader(taken).read('String')).toBe('first');
    expect(new BinaryReader(writer.take()).read('String')).toBe('other');
  });

  test('shows what was written since a place', () => {
    const writer = new BinaryWriter();
    writer.uint16(1);
    const from = writer.length;
    writer.uint16(513);
    expect([...writer.bytes(from)]).toEqual([1, 2]);
  });
});
