/**
 * What every venue adapter has to keep, whatever the venue: candles, funding, errors. Registered once
 * per adapter, against a venue that answers with known candles. In: how to open one. Out: vitest tests.
 * What needs no venue is in `venue-mapper.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriesKey } from '#core/candle.ts';
import { parseDecimal } from '#core/decimal.ts';
import { INTERVALS, isOnGrid, nextOpen, type Interval } from '#core/interval.ts';
import { epochMs, isEpochMs, type EpochMs } from '#core/time.ts';
import type {
  CandlePage,
  CandleRequest,
  FundingPage,
  FundingRequest,
  VenueAdapter,
} from '../../etl/extract/venue.ts';

export interface VenueSubject {
  readonly adapter: VenueAdapter;
  /** A series that the venue answers for, gapless, and whose last candle is still open. */
  readonly symbol: string;
  readonly interval: Interval;
  /** First open time, and the end of the open candle. */
  readonly from: EpochMs;
  readonly to: EpochMs;
  /** More candles than fit one page. */
  readonly candles: number;
  /** An interval of ours that the venue does not have; undefined where it has all. */
  readonly missingInterval?: Interval;
  /** What was paid in `[from, to)`; null where the venue pays none. */
  readonly funding: {
    readonly symbol: string;
    readonly from: EpochMs;
    readonly to: EpochMs;
    readonly payments: number;
  } | null;
  close(): Promise<void>;
}

export function testVenueContract(name: string, open: () => Promise<VenueSubject>): void {
  describe(`${name} keeps the venue contract:`, () => {
    let subject: VenueSubject;
    let request: CandleRequest;
    let pages: CandlePage[];

    beforeAll(async () => {
      subject = await open();
      const { symbol, interval, from, to } = subject;
      request = { symbol, interval, from, to };
      pages = await collect(subject.adapter, request);
    });
    afterAll(async () => subject.close());

    test('the server time is a time', async () => {
      expect(isEpochMs(await subject.adapter.fetchServerTime())).toBe(true);
    });

    test('intervals are known ones, shortest first', () => {
      const { intervals } = subject.adapter;
      expect(intervals).toEqual(INTERVALS.filter((interval) => intervals.includes(interval)));
    });

    test('instruments map one to one between canonical and venue spelling', async () => {
      const instruments = await subject.adapter.fetchInstruments();
      const found = instruments.find(({ symbol }) => symbol === subject.symbol);
      expect(found).toMatchObject({
        exchange: subject.adapter.id,
        marketType: subject.adapter.marketType,
        isTrading: true,
      });
      for (const key of ['symbol', 'venueSymbol'] as const) {
        expect(new Set(instruments.map((each) => each[key])).size).toBe(instruments.length);
      }
      for (const { symbol, base, quote } of instruments) expect(symbol).toBe(`${base}/${quote}`);
    });

    test('an instrument is found by any of its names, and an unknown one refused with what there is', async () => {
      const { adapter, symbol } = subject;
      const { venueSymbol } = await adapter.findInstrument(symbol);
      expect(await adapter.findInstrument(venueSymbol)).toMatchObject({ symbol, venueSymbol });
      await expect(adapter.findInstrument('NO/SUCH')).rejects.toMatchObject({
        code: 'WICK_ETL_UNSUPPORTED',
        message: expect.stringContaining(symbol),
      });
    });

    test('a range comes whole, in order, each open time once, over several pages', () => {
      const times = pages.flatMap((page) => page.candles.map(({ candle }) => candle.openTime));
      const expected: EpochMs[] = [];
      for (let time = subject.from; time < subject.to; time = nextOpen(subject.interval, time)) {
        expected.push(time);
      }
      expect(times).toEqual(expected);
      expect(times).toHaveLength(subject.candles);
      expect(pages.filter((page) => page.candles.length > 0).length).toBeGreaterThan(1);
      expect(pages.flatMap((page) => page.rejects)).toEqual([]);
    });

    test('only the last candle is open', () => {
      const closed = pages.flatMap((page) => page.candles.map(({ candle }) => candle.isClosed));
      expect(closed.indexOf(false)).toBe(subject.candles - 1);
    });

    test('candles belong to their series and hold exact decimals or null', () => {
      const { adapter, symbol, interval } = subject;
      const key = seriesKey({
        exchange: adapter.id,
        marketType: adapter.marketType,
        symbol,
        interval,
      });
      for (const { candle } of pages.flatMap((page) => page.candles)) {
        expect(seriesKey(candle)).toBe(key);
        expect(isOnGrid(interval, candle.openTime)).toBe(true);
        expect(isEpochMs(candle.observedAt)).toBe(true);
        const { open, high, low, close, volume, quoteVolume, takerBuyBase, takerBuyQuote } = candle;
        for (const value of [open, high, low, close]) expectCanonical(value);
        for (const value of [volume, quoteVolume, takerBuyBase, takerBuyQuote]) {
          if (value !== null) expectCanonical(value);
        }
        if (candle.trades !== null) expect(Number.isInteger(candle.trades)).toBe(true);
      }
    });

    test('a page carries the exact answer, and each candle its row of it', () => {
      for (const page of pages) {
        expect(() => new URL(page.raw.url)).not.toThrow();
        expect(isEpochMs(page.raw.fetchedAt)).toBe(true);
        // Numbers of the answer may be kept as text, digit for digit.
        const body = page.raw.body.replaceAll(/[\s"]/g, '');
        const absent = page.candles.filter(
          ({ row }) => !body.includes(JSON.stringify(row).replaceAll(/[\s"]/g, '')),
        );
        expect(absent).toEqual([]);
      }
    });

    test('a range is half open: the candle that opens at its end is not in it', async () => {
      const to = nextOpen(subject.interval, subject.from);
      const first = await collect(subject.adapter, { ...request, to });
      expect(first.flatMap((page) => page.candles)).toHaveLength(1);
    });

    test('a range without candles is answered without candles', async () => {
      const before = { from: epochMs(subject.from - 1_000), to: subject.from };
      const none = await collect(subject.adapter, { ...request, ...before });
      expect(none.flatMap((page) => page.candles)).toEqual([]);
    });

    test('an unknown symbol is a typed error that lists known ones', async () => {
      await expect(
        collect(subject.adapter, { ...request, symbol: 'NO/SUCH' }),
      ).rejects.toMatchObject({
        code: 'WICK_ETL_UNSUPPORTED',
        message: expect.stringMatching(new RegExp(`"NO/SUCH".*${subject.symbol}`)),
      });
    });

    test('an interval that the venue does not have is a typed error that lists its own', async () => {
      const interval = subject.missingInterval ?? ('7m' as Interval);
      await expect(collect(subject.adapter, { ...request, interval })).rejects.toMatchObject({
        code: 'WICK_ETL_UNSUPPORTED',
        message: expect.stringContaining(subject.adapter.intervals.join(', ')),
      });
    });

    test('funding comes exact, in order, each time once and inside its range', async () => {
      const { funding, adapter } = subject;
      expect(adapter.fetchFunding === null).toBe(funding === null);
      if (funding === null) return;
      const paid = await collectFunding(adapter, funding);
      const rates = paid.flatMap((page) => page.rates);
      const times = rates.map(({ fundingTime }) => fundingTime);
      expect(times).toHaveLength(funding.payments);
      expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
      expect(times.filter((time) => time < funding.from || time >= funding.to)).toEqual([]);
      expect(paid.flatMap((page) => page.rejects)).toEqual([]);
      for (const { exchange, symbol, rate, markPrice, premium } of rates) {
        expect([exchange, symbol]).toEqual([adapter.id, funding.symbol]);
        for (const value of [rate, markPrice, premium]) {
          if (value !== null) expectCanonical(value);
        }
      }
      for (const { raw } of paid) expect(JSON.parse(raw.body)).toEqual(expect.any(Array));
      await expect(
        collectFunding(adapter, { ...funding, symbol: 'NO/SUCH' }),
      ).rejects.toMatchObject({ code: 'WICK_ETL_UNSUPPORTED' });
    });

    test('an abort ends a fetch', async () => {
      const signal = AbortSignal.abort(new Error('stopped'));
      await expect(collect(subject.adapter, { ...request, signal })).rejects.toThrow('stopped');
    });
  });
}

async function collect(adapter: VenueAdapter, request: CandleRequest): Promise<CandlePage[]> {
  const pages: CandlePage[] = [];
  for await (const page of adapter.fetchCandles(request)) pages.push(page);
  return pages;
}

async function collectFunding(
  { fetchFunding }: VenueAdapter,
  request: FundingRequest,
): Promise<FundingPage[]> {
  const pages: FundingPage[] = [];
  if (fetchFunding === null) return pages;
  for await (const page of fetchFunding(request)) pages.push(page);
  return pages;
}

function expectCanonical(value: string): void {
  expect(parseDecimal(value)).toEqual({ ok: true, value });
}
