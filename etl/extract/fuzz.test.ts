/**
 * Broken payloads of every venue through mapper and validation. In: SYNTHETIC good payloads, broken by a
 * seeded hand: bytes flipped, cut and doubled, values swapped for odd ones, rows lost, doubled and mixed.
 * What holds: nothing throws but JSON itself, every row becomes a candle or a reject with its reason, the
 * counts add up, and what is accepted is sound by a second opinion that shares no code with the first.
 */
import { describe, expect, test } from 'vitest';
import type { Candle, Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { createDice, type Dice } from '../../tests/support/dice.ts';
import { validateCandle, validatePage } from '../transform/validate.ts';
import type { VenueMapper } from './mapper.ts';
import { REJECT_REASONS } from './reject.ts';
import { mapperOf, parseVenueId } from './registry.ts';
import type { Instrument } from './venue.ts';

const PAYLOADS_PER_VENUE = 6_000;
const SEED = 20_261_121;
const T = 1_790_344_800_000;
const FIVE_MINUTES = 300_000;
const NOW = epochMs(T + 3 * FIVE_MINUTES - 1);
const TO = epochMs(Date.UTC(2100, 0, 1) - 1);

/** Good candles in each venue's own words: three rows, the last one still forming. */
const TIMES = [0, 1, 2].map((index) => T + index * FIVE_MINUTES);
const kline = (t: number): string =>
  `[${t},"2.50","4.0","1.50","3","10.1",${t + FIVE_MINUTES - 1},"25",7,"4","9","0"]`;
const klineEvent = (t: number): string =>
  `{"e":"kline","E":${t + 5},"s":"BTCUSDT","k":{"t":${t},"T":${t + FIVE_MINUTES - 1},"s":"BTCUSDT",` +
  '"i":"5m","o":"2.5","c":"3","h":"4","l":"1.5","v":"10","n":7,"x":false,"q":"25","V":"4","Q":"9"}}';
const snapshot = (t: number): string =>
  `{"t":${t},"T":${t + FIVE_MINUTES - 1},"s":"BTC","i":"5m","o":"2.5","c":"3","h":"4","l":"1.5",` +
  '"v":"10","n":7}';
const PRODUCT_CANDLE =
  '"low":"1.5","high":"4","open":"2.5","close":"3","volume":"10","product_id":"BTC-USD"';
const BINANCE_LIST =
  '{"rateLimits":[],"symbols":[{"symbol":"BTCUSDT","contractType":"PERPETUAL","status":"TRADING",' +
  '"baseAsset":"BTC","quoteAsset":"USDT","deliveryDate":4133404800000,' +
  '"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.10"}]}]}';

interface Words {
  readonly symbol: string;
  readonly venueSymbol: string;
  readonly candles: string;
  readonly frame: string;
  readonly list: string;
  readonly funding: string;
}

const BINANCE: Words = {
  symbol: 'BTC/USDT',
  venueSymbol: 'BTCUSDT',
  candles: `[${TIMES.map(kline).join(',')}]`,
  frame: `{"stream":"btcusdt@kline_5m","data":${klineEvent(T)}}`,
  list: BINANCE_LIST,
  funding: `[{"symbol":"BTCUSDT","fundingTime":${T},"fundingRate":"0.0001","markPrice":""}]`,
};
const WORDS: Readonly<Record<string, Words>> = {
  'binance-futures': BINANCE,
  'binance-spot': BINANCE,
  hyperliquid: {
    symbol: 'BTC/USDC',
    venueSymbol: 'BTC',
    candles: `[${TIMES.map(snapshot).join(',')}]`,
    frame: `{"channel":"candle","data":${snapshot(T)}}`,
    list: '{"universe":[{"name":"BTC","szDecimals":5},{"name":"kPEPE"}],"collateralToken":0}',
    funding: `[{"coin":"BTC","fundingRate":"0.0000125","premium":"-0.0002","time":${T + 39}}]`,
  },
  coinbase: {
    symbol: 'BTC/USD',
    venueSymbol: 'BTC-USD',
    candles: `[${TIMES.map((t) => `[${t / 1000},1.50,4.0,2.5,3e0,10.1]`).join(',')}]`,
    frame:
      '{"channel":"candles","timestamp":"2026-09-25T14:00:00Z","sequence_num":1,"events":' +
      `[{"type":"update","candles":[{"start":"${T / 1000}",${PRODUCT_CANDLE}}]}]}`,
    list: '[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","status":"online"}]',
    funding: '[]',
  },
};

/** Values that have broken somebody's importer. */
const ODD = (
  'null true [] {} "" "x" 0 -0 -1 1.5 1e400 -1e-400 9007199254740993 "0" "-0" "00" "1,5" "NaN" ' +
  '"Infinity" "1e400" "1e-19" " 1" "1 " "0x10" "123456789012345678901" "0.1234567890123456789" ' +
  `${T} "${T}" ${T / 1000} ${T * 1000} ${T + 1} 4102444799999 "__proto__" "\\ud800" "\\u0000"`
).match(/"[^"]*"|\S+/g) ?? ['null'];

/** Anything between quotes, and any number or word outside of them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[\w.+-]+/g;

function broken(text: string, dice: Dice): string {
  let damaged = text;
  for (let times = 1 + dice.roll(3); times > 0; times -= 1) damaged = breakOnce(damaged, dice);
  return damaged;
}

function breakOnce(text: string, dice: Dice): string {
  const at = dice.roll(text.length + 1);
  const to = Math.min(text.length, at + 1 + dice.roll(20));
  const tokens = [...text.matchAll(TOKEN)];
  const token = tokens[dice.roll(Math.max(1, tokens.length))];
  switch (dice.roll(10)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(to);
    case 2:
      return text.slice(0, to) + text.slice(at);
    case 3:
      return text.slice(0, at) + String.fromCharCode(32 + dice.roll(96)) + text.slice(at + 1);
    case 4:
      return shuffled(text, dice);
    default: {
      if (token === undefined) return text;
      const odd = ODD[dice.roll(ODD.length)] ?? 'null';
      return text.slice(0, token.index) + odd + text.slice(token.index + token[0].length);
    }
  }
}

/** The rows of a list in another order, one of them twice. */
function shuffled(text: string, dice: Dice): string {
  try {
    const json: unknown = JSON.parse(text);
    if (!Array.isArray(json) || json.length === 0) return text;
    const rows: unknown[] = [...json, json[dice.roll(json.length)]];
    return JSON.stringify(rows.toSorted(() => dice.roll(3) - 1));
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

const tally = { payloads: 0, accepted: 0, rejected: 0, unreadable: 0 };

describe.each(Object.entries(WORDS))('broken payloads of %s', (id, words) => {
  const mapper = mapperOf(parseVenueId(id));
  const series: Series = {
    exchange: id,
    marketType: mapper.marketType,
    symbol: words.symbol,
    interval: '5m',
  };

  test('whole ones are understood, or what follows would prove nothing', () => {
    expect(judge(mapper, series, words.candles)).toEqual({ accepted: 3, rejected: 0, rows: 3 });
    expect(mapper.mapInstruments(mapper.parse(words.list))?.instruments.length).toBeGreaterThan(0);
    expect(readFrame(mapper, words, words.frame)).toBe(1);
  });

  test('become candles that are sound or rejects that say why; nothing throws', () => {
    const dice = createDice(SEED);
    for (let count = 0; count < PAYLOADS_PER_VENUE; count += 1) {
      tally.payloads += 1;
      const verdict = judge(mapper, series, broken(words.candles, dice));
      if (verdict === null) {
        tally.unreadable += 1;
      } else {
        expect(verdict.accepted + verdict.rejected).toBe(verdict.rows);
        tally.accepted += verdict.accepted;
        tally.rejected += verdict.rejected;
      }
      readFrame(mapper, words, broken(words.frame, dice));
      checkLists(mapper, words, dice);
    }
  });
});

test('enough was broken, and not beyond recognition', () => {
  expect(tally.payloads).toBeGreaterThanOrEqual(20_000);
  for (const count of [tally.accepted, tally.rejected, tally.unreadable]) {
    expect(count).toBeGreaterThan(tally.payloads / 20);
  }
});

interface Verdict {
  readonly accepted: number;
  readonly rejected: number;
  readonly rows: number;
}

/** Null where the text is no JSON or no answer. */
function judge(mapper: VenueMapper, series: Series, text: string): Verdict | null {
  const json = parse(mapper, text);
  if (json === undefined) return null;
  const from = epochMs(Date.UTC(1990, 0, 1));
  const context = { series, from, to: TO, venueNow: NOW, observedAt: NOW };
  const mapped = mapper.mapCandles(json, context);
  if (mapped === null) return null;
  const raw = { url: 'fuzz:', fetchedAt: NOW, body: text };
  const page = { series, ...mapped, raw, venueNow: NOW, weightUsed: null };
  const { accepted, rejects } = validatePage(page);
  for (const candle of accepted) checkSound(candle, series);
  for (const { reason, detail, rawRow } of rejects) {
    expect(REJECT_REASONS).toContain(reason);
    expect(detail).not.toBe('');
    expect(typeof rawRow).toBe('string');
  }
  const rows = Array.isArray(json) ? json.length : Number.NaN;
  return { accepted: accepted.length, rejected: rejects.length, rows };
}

/** What JSON itself refuses is the transport's to ask for again. */
function parse(mapper: VenueMapper, text: string): unknown {
  try {
    return mapper.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const CANONICAL = /^-?(?:0|[1-9]\d{0,19})(?:\.\d{0,17}[1-9])?$/;

function checkSound(candle: Candle, series: Series): void {
  const { exchange, marketType, symbol, interval, openTime, open, high, low, close } = candle;
  expect({ exchange, marketType, symbol, interval }).toEqual(series);
  expect(openTime % FIVE_MINUTES).toBe(0);
  expect(openTime).toBeLessThanOrEqual(NOW);
  expect(candle.isClosed).toBe(candle.source === 'rest' && openTime + FIVE_MINUTES <= NOW);
  for (const price of [open, high, low, close]) expect(price).toMatch(CANONICAL);
  const [first, most, least, last] = [open, high, low, close].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  expect(least).toBeGreaterThan(0);
  expect(Math.min(first, last)).toBeGreaterThanOrEqual(least);
  expect(Math.max(first, last)).toBeLessThanOrEqual(most);
  const { volume, quoteVolume, takerBuyBase, takerBuyQuote, trades } = candle;
  for (const amount of [volume, quoteVolume, takerBuyBase, takerBuyQuote]) {
    if (amount === null) continue;
    expect(amount).toMatch(CANONICAL);
    expect(Number(amount)).toBeGreaterThanOrEqual(0);
  }
  if (trades !== null) expect(Number.isSafeInteger(trades) && trades >= 0).toBe(true);
}

/** How many candles the frame tells. */
function readFrame(mapper: VenueMapper, words: Words, frame: string): number {
  const instrument: Instrument = {
    exchange: mapper.id,
    marketType: mapper.marketType,
    ...mapper.parseSymbol(words.symbol),
    venueSymbol: words.venueSymbol,
    aliases: [],
    isTrading: true,
    venueStatus: '',
    onboardTime: null,
    delistTime: null,
    tickSize: null,
    stepSize: null,
  };
  const context = { series: [{ instrument, interval: '5m' as const }], receivedAt: NOW };
  let told = 0;
  for (const message of mapper.readStream(frame, context)) {
    if (message.kind === 'reject') expect(REJECT_REASONS).toContain(message.finding.reason);
    if (message.kind !== 'candle') continue;
    told += 1;
    const { candle } = message;
    const { exchange, marketType, symbol, interval } = candle;
    if (validateCandle(candle, NOW) === null && !candle.isClosed) {
      checkSound(candle, { exchange, marketType, symbol, interval });
    }
  }
  return told;
}

function checkLists(mapper: VenueMapper, words: Words, dice: Dice): void {
  const list = parse(mapper, broken(words.list, dice));
  const mapped = list === undefined ? null : mapper.mapInstruments(list);
  for (const { symbol, base, quote } of mapped?.instruments ?? []) {
    expect(symbol).toBe(`${base}/${quote}`);
  }
  const funding = parse(mapper, broken(words.funding, dice));
  const context = { symbol: words.symbol, from: epochMs(T), to: TO, observedAt: NOW };
  const paid = mapper.mapFunding?.(funding, context) ?? null;
  if (paid === null || !Array.isArray(funding)) return;
  expect(paid.rates.length + paid.rejects.length).toBe(funding.length);
  for (const { rate } of paid.rates) expect(rate).toMatch(CANONICAL);
}
