/**
 * What may stand in the candle topic and is no candle change: each is refused with a reason and none
 * is thrown, for a record that throws would stop its partition for ever.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { altered, captured, type CapturedMessage } from '../../tests/support/captured-messages.ts';
import { decodeCandleMessage } from './decode.ts';

describe('poison is refused with a reason', () => {
  function check(message: Pick<CapturedMessage, 'value'>, reason: string | RegExp): void {
    const result = decodeCandleMessage({ partition: 3, offset: '9', value: message.value });
    expect(result).toMatchObject({ kind: 'undecodable' });
    expect(result.kind === 'undecodable' && result.reason).toMatch(reason);
  }

  test.each<[string, Buffer, RegExp]>([
    ['no bytes', Buffer.alloc(0), /not JSON/],
    ['half a message', captured('insert').value.subarray(0, 400), /not JSON/],
    ['no text', Buffer.from([0xff, 0xfe, 0x00, 0x80]), /not JSON/],
    ['Avro with its magic byte', Buffer.from([0, 0, 0, 0, 7, 2, 4]), /not JSON/],
    ['null', Buffer.from('null'), /not a candle envelope/],
    ['a number', Buffer.from('42'), /not a candle envelope/],
    ['a list', Buffer.from('[]'), /not a candle envelope/],
    ['an empty object', Buffer.from('{}'), /not a candle envelope/],
    [
      'JSON with its schema around it',
      Buffer.from(`{"schema":{},"payload":${captured('insert').value.toString('utf8')}}`),
      /not a candle envelope/,
    ],
    ['a heartbeat', Buffer.from('{"ts_ms":1795241786052}'), /not a candle envelope/],
  ])('%s', (_name, value, reason) => check({ value }, reason));

  test.each<[string, string, string | RegExp, string, RegExp]>([
    ['an unknown op', 'insert', '"op":"c"', '"op":"x"', /op "x" is unknown/],
    ['no op', 'insert', ',"op":"c"', '', /not a candle envelope/],
    [
      'a create without its row',
      'insert',
      /"after":\{.*?\}/,
      '"after":null',
      /op "c" has no after/,
    ],
    [
      'a delete without its key',
      'delete',
      /"before":\{.*?\}/,
      '"before":null',
      /op "d" has no before/,
    ],
    ['no row at all', 'insert', /"after":\{.*?\},/, '', /not a candle envelope/],
    ['an update of the old row alone', 'delete', '"op":"d"', '"op":"u"', /op "u" has no after/],
    ['no close', 'insert', /"close":"[^"]*",/, '', /not a candle envelope: \/after/],
    ['a price as a float', 'insert', /"open":"[^"]*"/, '"open":100.5', /not a candle envelope/],
    ['a price of null', 'insert', /"open":"[^"]*"/, '"open":null', /not a candle envelope/],
    [
      'a price that is no number',
      'insert',
      /"open":"[^"]*"/,
      '"open":"NaN"',
      /open "NaN" is not an exact/,
    ],
    ['a price too long', 'insert', /"open":"[^"]*"/, '"open":"1e-19"', /too_many_digits/],
    [
      'a price of 0',
      'insert',
      /"low":"[^"]*"/,
      '"low":"0.000000000000000000"',
      /low "0.0*" is not above zero/,
    ],
    ['a price below 0', 'insert', /"open":"[^"]*"/, '"open":"-1"', /open "-1" is not above zero/],
    [
      'a volume below 0',
      'insert',
      /"volume":"[^"]*"/,
      '"volume":"-0.1"',
      /volume "-0.1" is below zero/,
    ],
    [
      'a taker volume below 0',
      'insert',
      /"taker_buy_quote":"[^"]*"/,
      '"taker_buy_quote":"-1"',
      /below zero/,
    ],
    ['an empty volume', 'insert', /"volume":"[^"]*"/, '"volume":""', /volume "" is not an exact/],
    ['half a trade', 'insert', '"trades":42', '"trades":42.5', /not a candle envelope/],
    ['trades below 0', 'insert', '"trades":42', '"trades":-1', /not a candle envelope/],
    [
      'trades beyond exact integers',
      'insert',
      '"trades":42',
      '"trades":9007199254740993',
      /not a candle envelope/,
    ],
    ['a revision below 0', 'insert', '"revision":0', '"revision":-1', /not a candle envelope/],
    [
      'a revision beyond 32 bits',
      'insert',
      '"revision":0',
      '"revision":4294967296',
      /not a candle envelope/,
    ],
    [
      'a run id beyond exact integers',
      'insert',
      '9007199254740991',
      '9007199254740993',
      /ingest_run_id .* beyond exact/,
    ],
    ['a run id as a text', 'insert', '9007199254740991', '"17"', /not a candle envelope/],
    ['closed as a text', 'insert', '"is_closed":true', '"is_closed":"t"', /not a candle envelope/],
    [
      'an unknown interval',
      'insert',
      '"interval":"1m"',
      '"interval":"7m"',
      /interval "7m" is unknown/,
    ],
    ['a symbol that breaks the series key', 'insert', 'SOL/USDT', 'SOL|USDT', /symbol "SOL\|USDT"/],
    ['an empty exchange', 'insert', 'binance-futures', '', /exchange "" cannot be/],
    [
      'an unknown market type',
      'insert',
      '"market_type":"perp"',
      '"market_type":"swap"',
      /market_type "swap"/,
    ],
    [
      'an open time out of range',
      'insert',
      '"open_time":"2025',
      '"open_time":"1975',
      /open_time "1975/,
    ],
    ['no open time', 'insert', /"open_time":"[^"]*"/, '"open_time":"soon"', /open_time "soon"/],
    [
      'an open time in microseconds',
      'insert',
      /"open_time":"[^"]*"/,
      '"open_time":1748736000000000',
      /not a candle envelope/,
    ],
    [
      'an unreadable observation time',
      'insert',
      /"observed_at":"[^"]*"/,
      '"observed_at":"x"',
      /observed_at "x"/,
    ],
    ['no sequence', 'insert', /"sequence":"\[.*?\]",/, '', /not a candle envelope: \/source/],
    [
      'a sequence of null',
      'insert',
      /"sequence":"\[.*?\]"/,
      '"sequence":null',
      /not a candle envelope/,
    ],
    [
      'a broken sequence',
      'insert',
      /"sequence":"\[.*?\]"/,
      '"sequence":"[1,2]"',
      /is not a pair of LSNs/,
    ],
    [
      'a commit time in seconds',
      'insert',
      /"ts_ms":\d{10}\d{3},"snapshot"/,
      '"ts_ms":1795242832,"snapshot"',
      /ts_ms "1795242832"/,
    ],
  ])('%s', (_name, name, piece, replacement, reason) => {
    check(altered(name, piece, replacement), reason);
  });

  test('whatever the bytes are, nothing is thrown', () => {
    const text = captured('insert').value.toString('utf8');
    const cut = fc.record({
      at: fc.nat({ max: text.length }),
      drop: fc.nat({ max: 40 }),
      add: fc.string(),
    });
    const damaged = cut.map(({ at, drop, add }) =>
      Buffer.from(text.slice(0, at) + add + text.slice(at + drop)),
    );
    const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));
    const json = fc.json().map((any) => Buffer.from(any));
    fc.assert(
      fc.property(fc.oneof(damaged, bytes, json), (value) => {
        const result = decodeCandleMessage({ partition: 0, offset: '0', value });
        if (result.kind === 'undecodable') expect(result.reason).not.toBe('');
        else expect(result.kind).toBe('change');
      }),
      { numRuns: 500, seed: 20_250_601 },
    );
  });
});
