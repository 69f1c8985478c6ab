/**
 * What it costs to understand a venue: from the text of its pages to validated candles, beside a bare
 * `JSON.parse` of the same pages and beside `ccxt`, which reads the same text into floats. In: recorded
 * candles, written out as each venue writes its pages, digits padded as it pads them; what was not
 * recorded has a stand-in of the usual length. Out: candles in a second of the
 * processor. All three take turns in each round.
 */
import ccxt from 'ccxt';
import type { Candle, Series } from '#core/candle.ts';
import { toFloat } from '#core/decimal.ts';
import { nextOpen } from '#core/interval.ts';
import { epochMs } from '#core/time.ts';
import { mapperOf, type VenueId } from '../etl/extract/registry.ts';
import { validatePage } from '../etl/transform/validate.ts';
import type { BenchContext } from './context.ts';
import type { Baseline, Measured } from './figures.ts';
import { spreadOf } from './statistics.ts';

const CANDLES = 10_000;
const ROUNDS = 7;
/** One side's turn in one round, ms. */
const TURN_MS = 250;
/** Of a bare JSON.parse: where the venue sends text, and where numbers have to be kept as text. */
const TEXT_SHARE_MIN = 0.4;
const NUMBER_SHARE_MIN = 0.15;

/** What is used of an exchange of `ccxt`. */
interface Reader {
  parseJson(text: string): object[];
  parseOHLCVs(rows: object[], market: undefined, timeframe: string): readonly unknown[];
}

interface Pages {
  readonly venue: VenueId;
  readonly symbol: string;
  readonly texts: readonly string[];
  readonly shareMin: number;
  /** Reads a page as it does itself, from the text on. */
  readonly ccxt: Reader;
}

export async function parseBench({ candles, say, signal }: BenchContext): Promise<Measured[]> {
  const rows = (await candles()).filter(({ interval }) => interval === '1m').slice(0, CANDLES);
  const figures: Measured[] = [];
  for (const pages of pagesOf(rows)) {
    signal.throwIfAborted();
    say(`parse ${pages.venue}`);
    figures.push(...measure(pages));
  }
  return figures;
}

function pagesOf(candles: readonly Candle[]): readonly Pages[] {
  const usdm = new ccxt.binanceusdm();
  const exchange = new ccxt.coinbaseexchange();
  const liquid = new ccxt.hyperliquid();
  return [
    {
      venue: 'binance-futures',
      symbol: 'BTC/USDT',
      texts: cut(candles, 499, klineText),
      shareMin: TEXT_SHARE_MIN,
      ccxt: usdm,
    },
    {
      venue: 'hyperliquid',
      symbol: 'BTC/USDC',
      texts: cut(candles, 5_000, snapshotText),
      shareMin: TEXT_SHARE_MIN,
      ccxt: liquid,
    },
    {
      venue: 'coinbase',
      symbol: 'BTC/USD',
      texts: cut(candles.toReversed(), 299, rowText),
      shareMin: NUMBER_SHARE_MIN,
      ccxt: exchange,
    },
  ];
}

function cut(
  candles: readonly Candle[],
  size: number,
  text: (candle: Candle) => string,
): readonly string[] {
  return Array.from({ length: Math.ceil(candles.length / size) }, (_, page) => {
    const rows = candles.slice(page * size, (page + 1) * size);
    return `[${rows.map((candle) => text(candle)).join(',')}]`;
  });
}

function klineText(candle: Candle): string {
  const { interval, openTime, open, high, low, close, volume } = candle;
  const end = nextOpen(interval, openTime) - 1;
  const prices = [open, high, low, close].map((price) => `"${pad(price, 2)}"`).join(',');
  const base = pad(volume ?? '0', 3);
  const quote = standIn(candle);
  return `[${openTime},${prices},"${base}",${end},"${quote}",1709,"${base}","${quote}","0"]`;
}

function snapshotText({ interval, openTime, open, high, low, close, volume }: Candle): string {
  const end = nextOpen(interval, openTime) - 1;
  return (
    `{"t":${openTime},"T":${end},"s":"BTC","i":"${interval}","o":"${pad(open, 1)}",` +
    `"c":"${pad(close, 1)}","h":"${pad(high, 1)}","l":"${pad(low, 1)}",` +
    `"v":"${pad(volume ?? '0', 5)}","n":1709}`
  );
}

function pad(text: string, decimals: number): string {
  const [whole = '', fraction = ''] = text.split('.');
  return `${whole}.${fraction.padEnd(decimals, '0')}`;
}

/** As long as the quote volume that was not recorded. */
function standIn({ close, volume }: Candle): string {
  return (toFloat(close) * toFloat(volume ?? close)).toFixed(5);
}

function rowText({ openTime, open, high, low, close, volume }: Candle): string {
  return `[${openTime / 1000},${low},${high},${open},${close},${volume}]`;
}

function measure(pages: Pages): Measured[] {
  const sides = {
    ours: () => pages.texts.reduce((sum, text) => sum + understand(pages, text), 0),
    bare: () => pages.texts.reduce((sum, text) => sum + rowsOf(text).length, 0),
    floats: () =>
      pages.texts.reduce((sum, text) => {
        const { ccxt: exchange } = pages;
        const rows = exchange.parseJson(text);
        return sum + exchange.parseOHLCVs(rows, undefined, '1m').length;
      }, 0),
  };
  const rates = { ours: [] as number[], bare: [] as number[], floats: [] as number[] };
  // The first round warms the code and is not counted.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const side of ['ours', 'bare', 'floats'] as const) {
      const taken = rate(sides[side]);
      if (round > 0) rates[side].push(taken);
    }
  }
  const figure = (against: string, baseline: Baseline, share: number): Measured => ({
    bench: 'parse',
    name: `${pages.venue}: parse, map, validate${against}`,
    unit: 'candles/s',
    spread: spreadOf(rates.ours),
    baseline,
    bar: { kind: 'share_min', share },
  });
  const bare = { name: 'JSON.parse', spread: spreadOf(rates.bare), published: null };
  const floats = { name: 'ccxt', spread: spreadOf(rates.floats), published: null };
  return [figure('', bare, pages.shareMin), figure(', against ccxt', floats, 1)];
}

/** By the processor's time, its garbage collection included: other programs do not distort it. */
function rate(work: () => number): number {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  let candles = 0;
  while (performance.now() - startedAt < TURN_MS) candles += work();
  const { user, system } = process.cpuUsage(before);
  return candles / ((user + system) / 1e6);
}

function rowsOf(text: string): readonly unknown[] {
  const json: unknown = JSON.parse(text);
  if (!Array.isArray(json)) throw new Error('a page of the bench is no list');
  return json;
}

const FROM = epochMs(Date.UTC(1990, 0, 1));
const NOW = epochMs(Date.UTC(2099, 0, 1));

/** As the pipeline does it. @throws Error where a candle is not accepted: then nothing was measured. */
function understand({ venue, symbol }: Pages, body: string): number {
  const mapper = mapperOf(venue);
  const { marketType } = mapper;
  const series: Series = { exchange: venue, marketType, symbol, interval: '1m' };
  const context = { series, from: FROM, to: NOW, venueNow: NOW, observedAt: NOW };
  const mapped = mapper.mapCandles(mapper.parse(body), context);
  if (mapped === null) throw new Error(`a page of the bench is none of ${venue}`);
  const raw = { url: 'bench:', fetchedAt: NOW, body };
  const { accepted, rejects } = validatePage({
    series,
    ...mapped,
    raw,
    venueNow: NOW,
    weightUsed: null,
  });
  if (rejects.length > 0) throw new Error(`${venue} rejects "${rejects[0]?.detail ?? ''}"`);
  return accepted.length;
}
