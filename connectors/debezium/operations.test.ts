/** What each of Debezium's operations comes to: c u d r t m, tombstones, and values that were not logged. */
import { describe, expect, test } from 'vitest';
import { altered, captured, type CapturedMessage } from '../../tests/support/captured-messages.ts';
import { decodeCandleMessage } from './decode.ts';

/** As Debezium 3.7 builds them, with the source of a captured record; neither is published here. */
function synthetic(fields: object): Pick<CapturedMessage, 'value'> {
  const { source } = JSON.parse(captured('insert').value.toString('utf8'));
  return { value: Buffer.from(JSON.stringify({ source, ts_ms: 1795242843124, ...fields })) };
}
const decode = ({ value }: Pick<CapturedMessage, 'value'>) =>
  decodeCandleMessage({ partition: 3, offset: '9', value });

test.each([
  ['c', 'insert'],
  ['u', 'update that revises it'],
  ['d', 'delete'],
  ['r', 'initial snapshot, first row'],
] as const)('op "%s" is a change', (op, name) => {
  expect(decode(captured(name))).toMatchObject({ kind: 'change', change: { op } });
});

test.each([{}, { before: null, after: null }])(
  'op "t" with %j is parked: rows went of which it does not tell',
  (rows) => {
    expect(decode(synthetic({ op: 't', ...rows }))).toMatchObject({
      kind: 'undecodable',
      code: 'truncated',
      reason: expect.stringContaining('op "t"'),
    });
  },
);

test('op "m" is a message and no change', () => {
  const message = { prefix: 'heartbeat', content: 'e30=' };
  expect(decode(synthetic({ op: 'm', message }))).toEqual({ kind: 'message' });
});

test('a record without a value is a tombstone', () => {
  expect(decodeCandleMessage({ partition: 0, offset: '0', value: null })).toEqual({
    kind: 'tombstone',
  });
});

describe('a value that was not logged', () => {
  const PLACEHOLDER = '__debezium_unavailable_value';

  test.each([
    ['source', 'insert', /"source":"rest"/],
    ['close', 'insert', /"close":"[^"]*"/],
    ['quote_volume', 'insert', /"quote_volume":"[^"]*"/],
    ['symbol', 'insert', /"symbol":"[^"]*"/],
    ['detail', 'gap, insert', /"detail":null/],
    ['rate', 'funding, insert', /"rate":"[^"]*"/],
  ])('of %s is parked with its name, never written', (column, name, piece) => {
    expect(decode(altered(name, piece, `"${column}":"${PLACEHOLDER}"`))).toMatchObject({
      kind: 'undecodable',
      code: 'not_logged',
      reason: expect.stringMatching(new RegExp(`^${column} was not logged`)),
    });
  });

  test('before the change is of no concern: nothing but the key is read of it', () => {
    const { value } = captured('delete');
    const text = value.toString('utf8').replace('"before":{', `"before":{"note":"${PLACEHOLDER}",`);
    expect(decode({ value: Buffer.from(text) }).kind).toBe('change');
  });
});

describe('a time of another unit', () => {
  test.each([
    ['seconds', '1795242832', /ts_ms "1795242832" is not in milliseconds/],
    ['microseconds', '1795242832000000', /is not in milliseconds/],
    ['nothing', '0', /ts_ms "0" is not in milliseconds/],
  ])('in %s is refused by its range', (_, time, reason) => {
    const message = altered('insert', /"ts_ms":\d{13},"snapshot"/, `"ts_ms":${time},"snapshot"`);
    expect(decode(message)).toMatchObject({
      kind: 'undecodable',
      reason: expect.stringMatching(reason),
    });
  });

  test.each([
    ['1989-12-31T23:59:59Z', false],
    ['1990-01-01T00:00:00Z', true],
    ['2099-12-31T23:59:00Z', true],
    ['2100-01-01T00:00:01Z', false],
  ])('%s as an open time is in range: %s', (text, isInRange) => {
    const message = altered('insert', /"open_time":"[^"]*"/, `"open_time":"${text}"`);
    expect(decode(message).kind).toBe(isInRange ? 'change' : 'undecodable');
  });
});
