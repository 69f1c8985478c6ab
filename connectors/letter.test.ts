import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import {
  encodeLetter,
  joinParts,
  letterOf,
  messageBytes,
  PART_BYTES_MAX,
  readPart,
  redrivenMessage,
  type Letter,
  type LetterMessage,
  type LetterPart,
  type RawRecord,
} from './letter.ts';

const SEED = 20_251_121;
const BROKER_BYTES = 1024 * 1024;

function letter(record: Partial<RawRecord> = {}, rest: Partial<Letter> = {}): Letter {
  return {
    record: {
      topic: 'wickstream.market.candles',
      partition: 3,
      offset: '99',
      timestamp: epochMs(1_767_225_600_000),
      key: Buffer.from('key'),
      value: Buffer.from('value'),
      headers: [],
      ...record,
    },
    code: 'not_json',
    reason: 'not JSON',
    stack: null,
    by: 'test 1',
    ancestor: null,
    attempts: 0,
    ...rest,
  };
}

function partsOf(messages: readonly LetterMessage[]): LetterPart[] {
  return messages.map((message) => {
    const part = readPart(message);
    if (part === null) throw new Error('no letter');
    return part;
  });
}

const there = (sent: Letter): Letter => joinParts(partsOf(encodeLetter(sent)));

describe('a letter comes back as it was sent', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  const nullable = fc.option(bytes, { nil: null });
  const name = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('__proto__', 'constructor', 'toString', '1'),
  );

  test('whatever key, value and headers are', () => {
    fc.assert(
      fc.property(
        nullable,
        nullable,
        fc.uniqueArray(fc.tuple(name, nullable), { maxLength: 5, selector: ([key]) => key }),
        (key, value, headers) => {
          const sent = letter({ key, value, headers });
          const got = there(sent);
          const byName = (list: RawRecord['headers']): RawRecord['headers'] =>
            [...list].sort(([a], [b]) => (a < b ? -1 : 1));
          expect({ ...got.record, headers: byName(got.record.headers) }).toEqual({
            ...sent.record,
            headers: byName(headers),
          });
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });

  test.each([PART_BYTES_MAX - 3, PART_BYTES_MAX - 2, 3 * PART_BYTES_MAX, 20_000_000])(
    'in parts that any broker takes where its value has %i bytes',
    (size) => {
      const value = Buffer.alloc(size);
      for (let at = 0; at < size; at += 997) value[at] = at % 251;
      const sent = letter({ value, headers: [['trace', Buffer.from('abc')]] });
      const messages = encodeLetter(sent);
      expect(messages.length).toBe(Math.ceil((size + 60) / PART_BYTES_MAX));
      for (const message of messages) expect(messageBytes(message)).toBeLessThan(BROKER_BYTES);
      const got = there(sent);
      expect(got.record.value?.equals(value)).toBe(true);
      expect({ ...got.record, value: null }).toEqual({ ...sent.record, value: null });
    },
  );

  test('with a large key or large headers too', () => {
    const big = Buffer.alloc(2_000_000, 7);
    expect(there(letter({ key: big, value: null })).record).toMatchObject({
      key: big,
      value: null,
    });
    const headers = [['a', big] as const, ['b', null] as const];
    expect(there(letter({ headers })).record.headers).toEqual(headers);
  });

  test('with why it was parked', () => {
    const why = {
      code: 'bad_value',
      reason: 'قیمت',
      stack: 'Error\n  at x',
      ancestor: '0:4',
      attempts: 2,
    };
    expect(there(letter({}, why))).toEqual(letter({}, why));
  });
});

describe('what a letter says is bounded', () => {
  test('although a reason or a stack may quote a value of any size', () => {
    const huge = '💥'.repeat(3_000_000);
    const [message] = encodeLetter(letter({ value: null }, { reason: huge, stack: huge }));
    expect(messageBytes(message!)).toBeLessThan(30_000);
    const { reason } = joinParts(partsOf([message!]));
    expect(reason).toMatch(/^💥+…$/u);
  });
});

describe('a record that is parked again', () => {
  const first = letter({ headers: [['trace', Buffer.from('abc')]] });
  const redriven = redrivenMessage(first, '0:17');

  test('is produced as it was, with the letter that it comes from', () => {
    expect(redriven).toEqual({
      key: first.record.key,
      value: first.record.value,
      headers: { trace: [Buffer.from('abc')], 'wick.letter': '0:17', 'wick.attempts': '1' },
    });
  });

  test('names that letter and counts', () => {
    const message = { ...redriven, offset: '200', timestamp: '1767225700000' };
    const place = { topic: 'wickstream.market.candles', partition: 3 };
    const why = { code: 'not_json', reason: 'still', stack: null, by: 'test 2' };
    const second = letterOf(message, place, why);
    expect(second).toMatchObject({ ancestor: '0:17', attempts: 1, reason: 'still', by: 'test 2' });
    expect(second.record.headers).toEqual(first.record.headers);
    expect(redrivenMessage(there(second), '0:18').headers).toMatchObject({
      'wick.letter': '0:18',
      'wick.attempts': '2',
    });
  });
});

describe('letters that are not whole', () => {
  const sent = letter({ value: Buffer.alloc(2_000_000, 1) });

  test('are refused where a byte is another', () => {
    const parts = partsOf(encodeLetter(sent));
    const wrong = { ...parts[1]!, value: Buffer.alloc(parts[1]!.value!.length, 2) };
    expect(() => joinParts([parts[0]!, wrong, parts[2]!])).toThrow(/not those that were parked/);
  });

  test('are refused where a part is missing', () => {
    expect(() => joinParts(partsOf(encodeLetter(sent)).slice(0, 2))).toThrow(
      expect.objectContaining({ code: 'WICK_DLQ_DAMAGED' }),
    );
  });

  test('name their record in each part, and how many there are', () => {
    const parts = partsOf(encodeLetter(sent));
    expect(parts.map(({ part, parts: all }) => `${part}/${all}`)).toEqual(['1/3', '2/3', '3/3']);
    expect(new Set(parts.map(({ identity }) => identity)).size).toBe(1);
    expect(parts[0]).toMatchObject({ keyBytes: 3, valueBytes: 2_000_000 });
  });
});

test.each<[string, Record<string, Buffer>]>([
  ['no headers', {}],
  ['headers of somebody else', { trace: Buffer.from('x') }],
  ['a part that counts nonsense', { 'wick.part': Buffer.from('0/0') }],
])('a message with %s is no letter', (_name, headers) => {
  expect(readPart({ key: null, value: Buffer.from('x'), headers })).toBeNull();
});

test('what kafkajs makes of a header called "constructor" is no value of it', () => {
  const odd: Record<string, unknown> = { constructor: [Object, Buffer.from('x')] };
  const message = { key: null, value: null, offset: '1', timestamp: '-1', headers: odd as never };
  const why = { code: 'x', reason: 'x', stack: null, by: 'x' };
  expect(letterOf(message, { topic: 't', partition: 0 }, why).record).toMatchObject({
    headers: [['constructor', Buffer.from('x')]],
    timestamp: null,
  });
});
