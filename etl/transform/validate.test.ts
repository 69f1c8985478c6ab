import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { INTERVALS, isOnGrid, nextOpen } from '#core/interval.ts';
import { epochMs } from '#core/time.ts';
import type { RejectReason } from '../extract/reject.ts';
import type { CandlePage } from '../extract/venue.ts';
import { validateCandle, validatePage } from './validate.ts';

const T = epochMs(1_748_928_720_000);
const MINUTE = 60_000;
const NOW = epochMs(T + MINUTE);

type Words = Partial<Record<'open' | 'high' | 'low' | 'close', string>> & {
  readonly volume?: string | null;
};

function candle(words: Words = {}, rest: Partial<Candle> = {}): Candle {
  const { volume = '10', ...prices } = words;
  const { open, high, low, close } = { open: '2', high: '4', low: '1', close: '3', ...prices };
  return {
    exchange: 'binance-futures',
    marketType: 'perp',
    symbol: 'BTC/USDT',
    interval: '1m',
    openTime: T,
    open: decimal(open),
    high: decimal(high),
    low: decimal(low),
    close: decimal(close),
    volume: volume === null ? null : decimal(volume),
    quoteVolume: null,
    trades: null,
    takerBuyBase: null,
    takerBuyQuote: null,
    isClosed: true,
    observedAt: NOW,
    source: 'rest',
    ...rest,
  };
}

function check(subject: Candle, reason: RejectReason | null): void {
  expect(validateCandle(subject, NOW)?.reason ?? null).toBe(reason);
}

describe('a candle is accepted', () => {
  test.each<[string, Candle]>([
    ['as it should be', candle()],
    ['with all prices equal', candle({ open: '1', high: '1', low: '1', close: '1' })],
    ['with volume 0', candle({ volume: '0' })],
    ['without a volume', candle({ volume: null })],
    ['of dust prices', candle({ open: '2e-18', high: '4e-18', low: '1e-18', close: '3e-18' })],
    ['still open', candle({}, { openTime: NOW, isClosed: false })],
    ['closed this very moment', candle({}, { openTime: epochMs(NOW - MINUTE) })],
  ])('%s', (_name, subject) => {
    check(subject, null);
  });
});

describe('a candle is refused', () => {
  test.each<[RejectReason, string, Candle]>([
    ['non_positive_price', 'price 0', candle({ low: '0' })],
    ['non_positive_price', 'price below 0', candle({ low: '-1' })],
    ['non_positive_price', 'all prices 0', candle({ open: '0', high: '0', low: '0', close: '0' })],
    ['ohlc_order', 'low above open', candle({ open: '0.5' })],
    ['ohlc_order', 'low above close', candle({ close: '0.999999999999999999' })],
    ['ohlc_order', 'high below open', candle({ open: '4.000000000000000001' })],
    ['ohlc_order', 'high below close', candle({ close: '10' })],
    ['ohlc_order', 'high and low swapped', candle({ high: '1', low: '4' })],
    ['ohlc_order', 'an open below 0', candle({ open: '-2' })],
    ['negative_volume', 'volume below 0', candle({ volume: '-0.1' })],
    ['negative_volume', 'quote volume below 0', candle({}, { quoteVolume: decimal('-1') })],
    ['negative_volume', 'taker volume below 0', candle({}, { takerBuyBase: decimal('-1') })],
    ['negative_volume', 'taker quote volume below 0', candle({}, { takerBuyQuote: decimal('-1') })],
    ['negative_volume', 'trades below 0', candle({}, { trades: -1 })],
    ['off_grid', 'a second after the minute', candle({}, { openTime: epochMs(T + 1_000) })],
    ['off_grid', 'an hour candle at a minute', candle({}, { interval: '1h' })],
    ['off_grid', 'a month that begins on the 3rd', candle({}, { interval: '1M' })],
    ['future', 'opens after now', candle({}, { openTime: epochMs(NOW + MINUTE), isClosed: false })],
    ['future', 'closed before it is over', candle({}, { openTime: NOW })],
  ])('%s: %s', (reason, _name, subject) => {
    check(subject, reason);
  });
});

const price = fc
  .tuple(fc.bigInt({ min: 1n, max: 10n ** 20n - 1n }), fc.integer({ min: 0, max: 18 }))
  .map(([digits, scale]) => ({
    text: decimal(`${digits}e-${scale}`),
    exact: digits * 10n ** BigInt(18 - scale),
  }));

test('the order rule agrees with integer arithmetic for any prices', () => {
  fc.assert(
    fc.property(price, price, price, price, (open, high, low, close) => {
      const ordered = [open, close].every(({ exact }) => low.exact <= exact && exact <= high.exact);
      const subject = candle({
        open: open.text,
        high: high.text,
        low: low.text,
        close: close.text,
      });
      check(subject, ordered ? null : 'ohlc_order');
    }),
    { numRuns: 2_000 },
  );
});

test('any four prices in order are accepted', () => {
  const byValue = (a: { exact: bigint }, b: { exact: bigint }): number =>
    a.exact < b.exact ? -1 : Number(a.exact > b.exact);
  fc.assert(
    fc.property(fc.array(price, { minLength: 4, maxLength: 4 }), fc.boolean(), (prices, up) => {
      const [low, a, b, high] = [...prices].sort(byValue).map(({ text }) => text);
      const [open, close] = up ? [a, b] : [b, a];
      check(
        candle({ open: open ?? '', high: high ?? '', low: low ?? '', close: close ?? '' }),
        null,
      );
    }),
    { numRuns: 1_000 },
  );
});

test('a closed candle on its grid is accepted once it is over, refused before, for every interval', () => {
  const day = 86_400_000;
  const openTime = fc.integer({ min: 10_000, max: 40_000 }).map((days) => days * day);
  fc.assert(
    fc.property(openTime, fc.constantFrom(...INTERVALS), (time, interval) => {
      const opened = epochMs(time);
      fc.pre(isOnGrid(interval, opened));
      const end = nextOpen(interval, opened);
      const subject = candle({}, { openTime: opened, interval });
      expect(validateCandle(subject, end)).toBeNull();
      expect(validateCandle(subject, epochMs(end - 1))?.reason).toBe('future');
    }),
  );
});

test('a page is split without loss: refused rows keep their words and their place', () => {
  const rows = ['good', 'bad', 'good too'];
  const subjects = [candle(), candle({ low: '9' }, { openTime: epochMs(T - MINUTE) }), candle()];
  const early = { reason: 'malformed_row', index: 7 } as CandlePage['rejects'][number];
  const series = { ...candle() };
  const page: CandlePage = {
    series,
    candles: subjects.map((each, index) => ({ candle: each, index, row: rows[index] })),
    rejects: [early],
    raw: { url: 'http://x', fetchedAt: NOW, body: '' },
    venueNow: NOW,
    weightUsed: null,
  };
  expect(validatePage(page)).toEqual({
    accepted: [subjects[0], subjects[2]],
    rejects: [
      early,
      {
        series,
        openTime: T - MINUTE,
        reason: 'ohlc_order',
        detail: 'low 9 > open 2',
        index: 1,
        rawRow: '"bad"',
      },
    ],
  });
});
