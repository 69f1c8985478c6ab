/**
 * What every web source has to keep as a venue, whatever it publishes. Registered once for each
 * source, against a server of this machine that answers its documents. In: how to open one. Out:
 * vitest tests.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { parseDecimal } from '#core/decimal.ts';
import type { Interval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { CandlePage, CandleRequest } from '../../etl/extract/venue.ts';
import type { WebVenue } from '../../etl/extract/web/web-venue.ts';
import { validatePage } from '../../etl/transform/validate.ts';
import type { WebServer } from '../support/web-server.ts';

const DAY_MS = 86_400_000;

export interface WebSourceSubject {
  readonly adapter: WebVenue;
  readonly server: WebServer;
  /** Stands at noon of the day after `day`. */
  readonly clock: { now(): EpochMs; set(now: EpochMs): void };
  /** A pair and its exact rate on `day`. */
  readonly symbol: string;
  readonly rate: string;
  readonly day: EpochMs;
  /** Two other pairs of the same document. */
  readonly others: readonly [string, string];
  /** How many pairs are listed. */
  readonly listed: number;
  close(): Promise<void>;
}

export function testWebSourceContract(name: string, open: () => Promise<WebSourceSubject>): void {
  describe(`${name} keeps the contract of web sources:`, () => {
    let subject: WebSourceSubject;
    let request: CandleRequest;

    beforeEach(async () => {
      subject = await open();
      const { symbol, day } = subject;
      request = { symbol, interval: '1d', from: day, to: epochMs(day + DAY_MS) };
    });
    afterEach(async () => subject.close());

    const pagesOf = async (changes: Partial<CandleRequest> = {}): Promise<CandlePage[]> => {
      const pages: CandlePage[] = [];
      for await (const page of subject.adapter.fetchCandles({ ...request, ...changes })) {
        pages.push(page);
      }
      return pages;
    };
    const candlesOf = async (changes: Partial<CandleRequest> = {}): Promise<Candle[]> =>
      (await pagesOf(changes)).flatMap((page) => page.candles.map(({ candle }) => candle));

    test('it has days, no stream and no funding, and says its calendar', async () => {
      const { adapter, clock } = subject;
      expect(adapter).toMatchObject({
        intervals: ['1d'],
        stream: null,
        fetchFunding: null,
        reachCandles: null,
        calendar: expect.stringMatching(/^(target|always|(after-)?weekdays)/),
      });
      await expect(adapter.fetchServerTime()).resolves.toBe(clock.now());
    });

    test('pairs map one to one between canonical and own spelling', async () => {
      const instruments = await subject.adapter.fetchInstruments();
      expect(instruments).toHaveLength(subject.listed);
      for (const key of ['symbol', 'venueSymbol'] as const) {
        expect(new Set(instruments.map((each) => each[key])).size).toBe(instruments.length);
      }
      for (const each of instruments) {
        expect(each.symbol).toBe(`${each.base}/${each.quote}`);
        expect(each).toMatchObject({
          exchange: subject.adapter.id,
          marketType: subject.adapter.marketType,
        });
      }
      expect(instruments.find(({ symbol }) => symbol === subject.symbol)?.isTrading).toBe(true);
    });

    test('a day is one closed candle of one rate, exact, without volume', async () => {
      const { adapter, symbol, rate, day } = subject;
      const [page] = await pagesOf();
      expect(page?.rejects).toEqual([]);
      expect(page?.candles.map(({ candle }) => candle)).toEqual([
        {
          exchange: adapter.id,
          marketType: adapter.marketType,
          symbol,
          interval: '1d',
          openTime: day,
          open: rate,
          high: rate,
          low: rate,
          close: rate,
          volume: null,
          quoteVolume: null,
          trades: null,
          takerBuyBase: null,
          takerBuyQuote: null,
          isClosed: true,
          observedAt: page?.raw.fetchedAt,
          source: 'web',
        },
      ]);
      expect(parseDecimal(rate)).toEqual({ ok: true, value: rate });
      expect(page && validatePage(page).rejects).toEqual([]);
    });

    test('a page carries the text as it was sent, and each candle its words of it', async () => {
      const [page] = await pagesOf();
      expect(page?.raw.url).toMatch(subject.server.url);
      const rows = page?.candles.map(({ row }) => row) ?? [];
      expect(rows).toHaveLength(1);
      for (const row of rows) {
        for (const value of Object.values(row as Record<string, string>)) {
          expect(page?.raw.body).toContain(value);
        }
      }
    });

    test('a day is open while it lasts, also if the clock is asked ahead', async () => {
      const { clock, day } = subject;
      clock.set(epochMs(day + DAY_MS / 2));
      await expect(candlesOf()).resolves.toMatchObject([{ isClosed: false }]);
      const venueNow = epochMs(day + 2 * DAY_MS);
      await expect(candlesOf({ venueNow })).resolves.toMatchObject([{ isClosed: false }]);
      // An hour on, the document is old and is asked again.
      clock.set(epochMs(day + DAY_MS + 3_600_000));
      await expect(candlesOf()).resolves.toMatchObject([{ isClosed: true }]);
    });

    test('what opens later than now is not asked for', async () => {
      const { clock, day } = subject;
      await subject.adapter.fetchInstruments();
      clock.set(epochMs(day - 1));
      const before = subject.server.paths().length;
      await expect(pagesOf()).resolves.toEqual([]);
      expect(subject.server.paths()).toHaveLength(before);
    });

    test('one document serves all pairs, those that ask at once too', async () => {
      const { adapter, symbol, others, server } = subject;
      await adapter.fetchInstruments();
      await candlesOf();
      const asked = server.paths().length;
      const all = await Promise.all([symbol, ...others].map((each) => candlesOf({ symbol: each })));
      expect(all.map((candles) => candles.length)).toEqual([1, 1, 1]);
      expect(server.paths()).toHaveLength(asked);
    });

    test('its host is asked at most once a second', async () => {
      const { adapter, server } = subject;
      await adapter.fetchInstruments();
      await candlesOf({ from: epochMs(subject.day - 3 * DAY_MS) });
      const times = server.asked.map(({ at }) => at);
      expect(times.length).toBeGreaterThan(1);
      const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1_000);
    });

    test('a range is half open', async () => {
      const { day } = subject;
      await expect(candlesOf({ from: epochMs(day - 1), to: day })).resolves.toEqual([]);
      await expect(candlesOf({ from: epochMs(day + 1), to: epochMs(day + 2) })).resolves.toEqual(
        [],
      );
    });

    test('an unknown symbol or interval is a typed error that lists known ones', async () => {
      await expect(pagesOf({ symbol: 'NO/SUCH' })).rejects.toMatchObject({
        code: 'WICK_ETL_UNSUPPORTED',
        message: expect.stringMatching(/"NO\/SUCH".*[A-Z]{3}\/[A-Z]{3}/),
      });
      await expect(pagesOf({ interval: '7m' as Interval })).rejects.toMatchObject({
        code: 'WICK_ETL_UNSUPPORTED',
        message: expect.stringMatching(/"7m".*1d/),
      });
    });

    test('an abort ends a fetch', async () => {
      await candlesOf();
      const signal = AbortSignal.abort(new Error('stopped'));
      await expect(pagesOf({ signal })).rejects.toThrow('stopped');
    });
  });
}
