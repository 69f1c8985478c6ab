/**
 * Pages of candles from text to accepted rows (parse, map, validate), beside a bare `JSON.parse` of
 * the same pages and beside `ccxt`, which makes floats of them and checks nothing. The prices are the
 * bundled recordings'; what those do not hold (Binance's other volumes, Hyperliquid's trade counts) is
 * filled with numbers of the usual length: only their length matters here.
 */
import ccxt, { type Exchange } from 'ccxt';
import type { Candle, Series } from '#core/candle.ts';
import { nextOpen } from '#core/interval.ts';
import { epochMs } from '#core/time.ts';
import { BINANCE_FUTURES_MAPPER } from '../etl/extract/binance-futures/mapper.ts';
import { COINBASE_MAPPER } from '../etl/extract/coinbase/mapper.ts';
import { HYPERLIQUID_MAPPER } from '../etl/extract/hyperliquid/mapper.ts';
import type { VenueMapper } from '../etl/extract/mapper.ts';
import { validatePage } from '../etl/transform/validate.ts';
import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
import { spreadOf } from './statistics.ts';

const CANDLES = 60_000;
const ROUNDS = 7;
/** Rounds that warm the code and are not counted. */
const WARM_ROUNDS = 4;
/** Where venues send strings, and where numbers have to be kept as text. */
const STRINGS_SHARE_MIN = 0.4;
const NUMBERS_SHARE_MIN = 0.15;
const DAY_MS = 86_400_000;

interface Subject {
  readonly mapper: VenueMapper;
  readonly pageRows: number;
  readonly shareMin: number;
  readonly render: (candles: readonly Candle[]) => string;
  readonly ccxt: Exchange;
}

const SUBJECTS: readonly Subject[] = [
  {
    mapper: BINANCE_FUTURES_MAPPER,
    pageRows: 499,
    shareMin: STRINGS_SHARE_MIN,
    render: renderBinance,
    ccxt: new ccxt.binanceusdm(),
  },
  {
    mapper: HYPERLIQUID_MAPPER,
    pageRows: 5_000,
    shareMin: STRINGS_SHARE_MIN,
    render: renderHyperliquid,
    ccxt: new ccxt.hyperliquid(),
  },
  {
    mapper: COINBASE_MAPPER,
    pageRows: 299,
    shareMin: NUMBERS_SHARE_MIN,
    render: renderCoinbase,
    ccxt: new ccxt.coinbaseexchange(),
  },
];

export async function parseBench(context: BenchContext): Promise<Measured[]> {
  const all = await context.candles();
  const candles = all.filter(({ interval }) => interval === '1m').slice(0, CANDLES);
  return SUBJECTS.flatMap((subject) => measure(subject, oneSeries(candles)));
}

/** Recordings follow one another in time, as one series does. */
function oneSeries(candles: readonly Candle[]): readonly Candle[] {
  const [first] = candles;
  if (first === undefined) throw new Error('no recorded candles of one minute');
  return candles.map((candle, index) => ({
    ...candle,
    openTime: epochMs(first.openTime + index * 60_000),
  }));
}

function measure(subject: Subject, candles: readonly Candle[]): Measured[] {
  const { mapper } = subject;
  const pages: string[] = [];
  for (let from = 0; from < candles.length; from += subject.pageRows) {
    pages.push(subject.render(candles.slice(from, from + subject.pageRows)));
  }
  const ways = {
    bare: () => pages.reduce((sum, page) => sum + rowsOf(JSON.parse(page) as unknown[]), 0),
    ccxt: () =>
      pages.reduce((sum, page) => {
        const rows = subject.ccxt.parseOHLCVs(JSON.parse(page) as object[], undefined, '1m');
        return sum + rows.length;
      }, 0),
    ours: () => pages.reduce((sum, page) => sum + accept(mapper, page, candles), 0),
  };
  const rates = { bare: [] as number[], ccxt: [] as number[], ours: [] as number[] };
  for (let round = 0; round < ROUNDS + WARM_ROUNDS; round += 1) {
    for (const name of ['bare', 'ccxt', 'ours'] as const) {
      const startedAt = performance.now();
      const count = ways[name]();
      const seconds = (performance.now() - startedAt) / 1000;
      if (count !== candles.length) throw new Error(`${name} read ${count} of ${candles.length}`);
      if (round >= WARM_ROUNDS) rates[name].push(count / seconds);
    }
  }
  const figure = { bench: 'parse', unit: 'candles/s', spread: spreadOf(rates.ours) } as const;
  return [
    {
      ...figure,
      name: `${mapper.id}: parse, map, validate`,
      baseline: { name: 'JSON.parse', spread: spreadOf(rates.bare), published: null },
      bar: { kind: 'share_min', share: subject.shareMin },
    },
    {
      ...figure,
      name: `${mapper.id}: the same`,
      baseline: { name: 'ccxt', spread: spreadOf(rates.ccxt), published: null },
      bar: { kind: 'share_min', share: 1 },
    },
  ];
}

function rowsOf(page: readonly unknown[]): number {
  return page.length;
}

function accept(mapper: VenueMapper, body: string, candles: readonly Candle[]): number {
  const [first] = candles;
  if (first === undefined) return 0;
  const venueNow = epochMs(first.openTime + 3_650 * DAY_MS);
  const series: Series = {
    exchange: mapper.id,
    marketType: mapper.marketType,
    symbol: mapper.id === HYPERLIQUID_MAPPER.id ? 'BTC/USDC' : 'BTC/USDT',
    interval: '1m',
  };
  const range = { from: first.openTime, to: venueNow };
  const json = mapper.parse(body);
  const mapped = mapper.mapCandles(json, { series, ...range, venueNow, observedAt: venueNow });
  if (mapped === null) throw new Error(`${mapper.id} does not know its own pages`);
  const raw = { url: '', fetchedAt: venueNow, body };
  return validatePage({ series, ...mapped, raw, venueNow, weightUsed: null }).accepted.length;
}

function renderBinance(candles: readonly Candle[]): string {
  return JSON.stringify(
    candles.map(({ openTime, open, high, low, close, volume }) => [
      openTime,
      open,
      high,
      low,
      close,
      volume ?? '0',
      nextOpen('1m', openTime) - 1,
      '8514292.61220',
      4_409,
      volume ?? '0',
      '4141805.93340',
      '0',
    ]),
  );
}

function renderHyperliquid(candles: readonly Candle[]): string {
  return JSON.stringify(
    candles.map(({ openTime, open, high, low, close, volume }) => ({
      t: openTime,
      T: nextOpen('1m', openTime) - 1,
      s: 'BTC',
      i: '1m',
      o: open,
      c: close,
      h: high,
      l: low,
      v: volume ?? '0.0',
      n: 4_409,
    })),
  );
}

function renderCoinbase(candles: readonly Candle[]): string {
  const rows = candles.map(
    ({ openTime, open, high, low, close, volume }) =>
      `[${openTime / 1_000},${low},${high},${open},${close},${volume ?? '0'}]`,
  );
  return `[${rows.reverse().join(',')}]`;
}
