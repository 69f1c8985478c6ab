/**
 * The quick ways through answers of candles against the long ones: whatever a venue sends, both map
 * to the same candles and the same rejects, and a row stays what was sent.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { readKlineRows } from './binance/kline-rows.ts';
import { BINANCE_FUTURES_MAPPER } from './binance-futures/mapper.ts';
import { COINBASE_MAPPER } from './coinbase/mapper.ts';
import { readCandleRows as readCoinbaseRows } from './coinbase/rows.ts';
import { readCandleRows as readHyperliquidRows } from './hyperliquid/candle-rows.ts';
import { HYPERLIQUID_MAPPER } from './hyperliquid/mapper.ts';
import { parseKeepingNumbers } from './json-numbers.ts';
import type { VenueMapper } from './mapper.ts';

const FROM = epochMs(1_748_736_000_000);
const TO = epochMs(FROM + 1_000 * 60_000);

interface Subject {
  readonly mapper: VenueMapper;
  readonly symbol: string;
  readonly quick: (text: string) => readonly unknown[] | null;
  readonly long: (text: string) => unknown;
  /** A row of five numerals, opening in that minute. */
  readonly row: (minute: number, numerals: readonly string[]) => string;
}

const at = (minute: number): number => FROM + minute * 60_000;
const SUBJECTS: readonly Subject[] = [
  {
    mapper: BINANCE_FUTURES_MAPPER,
    symbol: 'BTC/USDT',
    quick: readKlineRows,
    long: (text) => JSON.parse(text) as unknown,
    row: (minute, [o, h, l, c, v]) =>
      `[${at(minute)},"${o}","${h}","${l}","${c}","${v}",${at(minute + 1) - 1},"${v}",17,"${v}","${c}","0"]`,
  },
  {
    mapper: HYPERLIQUID_MAPPER,
    symbol: 'BTC/USDC',
    quick: readHyperliquidRows,
    long: (text) => JSON.parse(text) as unknown,
    row: (minute, [o, h, l, c, v]) =>
      `{"t":${at(minute)},"T":${at(minute + 1) - 1},"s":"BTC","i":"1m","o":"${o}","c":"${c}","h":"${h}","l":"${l}","v":"${v}","n":17}`,
  },
  {
    mapper: COINBASE_MAPPER,
    symbol: 'BTC/USD',
    quick: readCoinbaseRows,
    long: parseKeepingNumbers,
    row: (minute, [o, h, l, c, v]) => `[${at(minute) / 1_000},${l},${h},${o},${c},${v}]`,
  },
];

/** As venues write them, and as they might on a bad day. */
const usual = fc
  .tuple(fc.nat({ max: 10 ** 8 }), fc.stringMatching(/^\d{0,6}0{0,3}$/))
  .map(([whole, fraction]) => (fraction === '' ? `${whole}` : `${whole}.${fraction}`));
const ODD = (
  '0 0.0 1E5 1e-7 -0.0 -5 1.50 00000 007 0.000000000000000000 99999999999999999999 ' +
  '100000000000000000000.000000000000000001 1.0000000000000000001'
).split(' ');
const odd = fc.constantFrom(...ODD);

function answersOf({ row }: Subject, numeral: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const numerals = fc.array(numeral, { minLength: 5, maxLength: 5 });
  return fc
    .array(fc.tuple(fc.nat({ max: 9 }), numerals), { minLength: 1, maxLength: 5 })
    .map((rows) => `[${rows.map(([minute, cells]) => row(minute, cells)).join(',')}]`);
}

function mapBoth({ mapper, symbol, long }: Subject, text: string): { quick: string; long: string } {
  const { id, marketType } = mapper;
  const series = { exchange: id, marketType, symbol, interval: '1m' } as const;
  const context = { series, from: FROM, to: TO, venueNow: TO, observedAt: TO };
  const shown = (json: unknown): string =>
    JSON.stringify(mapper.mapCandles(json, context), null, 1);
  return { quick: shown(mapper.parse(text)), long: shown(long(text)) };
}

describe.each(SUBJECTS)('$mapper.id', (subject) => {
  const parses = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };

  test('what it usually sends goes the quick way and comes to the same', () => {
    fc.assert(
      fc.property(answersOf(subject, usual), (text) => {
        expect(subject.quick(text), text).not.toBeNull();
        const both = mapBoth(subject, text);
        expect(both.quick).toBe(both.long);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  test('odd numbers come to the same, by whichever way', () => {
    fc.assert(
      fc.property(answersOf(subject, fc.oneof(usual, odd)), (text) => {
        if (!parses(text)) {
          expect(subject.quick(text), text).toBeNull();
          return;
        }
        const both = mapBoth(subject, text);
        expect(both.quick).toBe(both.long);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  test('a row is what was sent', () => {
    fc.assert(
      fc.property(answersOf(subject, usual), (text) => {
        expect(JSON.stringify(subject.quick(text))).toBe(JSON.stringify(subject.long(text)));
      }),
      { numRuns: 100, seed: 4 },
    );
  });

  const good = subject.row(0, ['1', '2', '0.5', '1.5', '9']);
  test.each([
    ['nothing', ''],
    ['an empty list', '[]'],
    ['a list that is cut off', `[${good},`],
    ['a row that is cut off', `[${good.slice(0, -4)}`],
    ['a list that goes on', `[${good}]]`],
    ['a comma too many', `[${good},]`],
    ['a space', `[ ${good}]`],
    ['a missing field', `[${good.replace(/,[^,]*\]$/, ']').replace(/,"n":17\}/, '}')}]`],
    ['an object', '{"code":-1121,"msg":"Invalid symbol."}'],
  ])('%s is not for the quick way', (_name, text) => {
    expect(subject.quick(text)).toBeNull();
  });
});
