/**
 * What the pure half of every venue has to keep: names both ways, frames that become candles or say why
 * not, and no payload that makes it throw. Registered once for each venue, from its own folder. In: the
 * mapper, the stream and frames of the venue. Out: vitest tests.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seriesKey, type Candle } from '#core/candle.ts';
import { parseDecimal } from '#core/decimal.ts';
import { INTERVALS } from '#core/interval.ts';
import { epochMs, isEpochMs } from '#core/time.ts';
import { findInstrument } from '../../etl/extract/catalogue.ts';
import type { VenueMapper } from '../../etl/extract/mapper.ts';
import type {
  Instrument,
  StreamContext,
  StreamMessage,
  StreamSeries,
  VenueStream,
} from '../../etl/extract/venue.ts';

export interface MapperSubject {
  readonly mapper: VenueMapper;
  /** The venue's list of instruments, as it sends it. */
  readonly instruments: string;
  /** Spellings that a person may try, and the canonical symbol that they mean. */
  readonly spellings: Readonly<Record<string, string>>;
  /** Spellings that mean nothing here, and what the error says of it. */
  readonly refusedSpellings: Readonly<Record<string, RegExp>>;
  /** What the venue quotes in. */
  readonly quotes: readonly string[];
  readonly stream: StreamSubject;
}

export interface StreamSubject {
  readonly stream: VenueStream;
  /** In the spelling and interval of the frames. */
  readonly series: StreamSeries;
  /** Frames that tell of the series, at least one candle each. */
  readonly candles: readonly string[];
  /** A frame in which the venue refuses what was asked. */
  readonly refused: string;
  /** Frames that should be candles of the series and are not. */
  readonly rejected: readonly string[];
  /** Frames whose numbers follow one another; none where the venue does not number. */
  readonly numbered: readonly string[];
}

export function testMapperContract(subject: MapperSubject): void {
  describe(`the mapper of ${subject.mapper.id} keeps the contract:`, () => {
    testNames(subject);
    testStream(subject);
    testShapes(subject);
  });
}

function testNames({
  mapper,
  instruments: list,
  spellings,
  refusedSpellings,
  quotes,
}: MapperSubject): void {
  const instruments = mapper.mapInstruments(mapper.parse(list))?.instruments ?? [];

  test('every listed instrument is found by both spellings, in any case', () => {
    expect(instruments.length).toBeGreaterThan(0);
    for (const each of instruments) {
      const { symbol, base, quote, venueSymbol, exchange, marketType } = each;
      expect([exchange, marketType]).toEqual([mapper.id, mapper.marketType]);
      expect(symbol).toBe(`${base}/${quote}`);
      for (const text of [symbol, venueSymbol, ...each.aliases, venueSymbol.toLowerCase()]) {
        expect(findInstrument(instruments, text)).toBe(each);
      }
    }
  });

  test('every listed instrument is named the same by the rules alone', () => {
    for (const { symbol, base, quote, venueSymbol } of instruments) {
      const named = { symbol, base, quote, venueSymbol };
      expect(mapper.parseSymbol(symbol)).toEqual(named);
      expect(mapper.parseSymbol(venueSymbol)).toEqual(named);
    }
  });

  test('names go to the venue and back unchanged', () => {
    const base = fc.stringMatching(/^[A-Z0-9]{1,12}$/);
    fc.assert(
      fc.property(base, fc.constantFrom(...quotes), (asset, quote) => {
        const named = mapper.parseSymbol(`${asset}/${quote}`);
        expect(named.quote).toBe(quote);
        expect(mapper.parseSymbol(named.venueSymbol)).toEqual(named);
        expect(mapper.parseSymbol(named.symbol)).toEqual(named);
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  test.each(Object.entries(spellings))('"%s" means %s', (text, symbol) => {
    expect(mapper.parseSymbol(text).symbol).toBe(symbol);
  });

  test.each(Object.entries(refusedSpellings))('"%s" is refused with the reason', (text, why) => {
    expect(() => mapper.parseSymbol(text)).toThrow(
      expect.objectContaining({
        code: 'WICK_ETL_UNSUPPORTED',
        message: expect.stringMatching(why),
      }),
    );
  });
}

function testStream({ mapper, stream: subject }: MapperSubject): void {
  const { stream, series } = subject;
  const context: StreamContext = { series: [series], receivedAt: epochMs(1_790_000_000_000) };
  const read = (frame: string, ...others: StreamSeries[]): readonly StreamMessage[] =>
    stream.read(frame, others.length === 0 ? context : { ...context, series: others });
  const candlesOf = (said: readonly StreamMessage[]): Candle[] =>
    said.flatMap((each) => (each.kind === 'candle' ? [each.candle] : []));

  test('the stream has an address, frames that are JSON, and bounds', () => {
    expect(new URL(stream.url([series])).protocol).toMatch(/^wss?:$/);
    for (const frame of stream.subscribe([series])) {
      expect(JSON.parse(frame)).toEqual(expect.any(Object));
    }
    const { seriesMax, silenceMsMax, lifetimeMsMax, keepAlive } = stream;
    expect(seriesMax).toBeGreaterThan(0);
    expect(lifetimeMsMax).toBeGreaterThan(silenceMsMax);
    // A pong has to be due before silence counts as death.
    if (keepAlive !== null) expect(silenceMsMax).toBeGreaterThan(keepAlive.everyMs);
    expect(stream.intervals).toEqual(INTERVALS.filter((each) => stream.intervals.includes(each)));
    expect(mapper.intervals).toEqual(expect.arrayContaining([...stream.intervals]));
    expect(mapper.channels.flatMap(({ intervals }) => intervals)).toEqual(stream.intervals);
  });

  test('frames tell candles of their series, with exact decimals and our stamp', () => {
    const { exchange, marketType, symbol } = series.instrument;
    const key = seriesKey({ exchange, marketType, symbol, interval: series.interval });
    for (const frame of subject.candles) {
      const told = candlesOf(read(frame));
      expect(told.length).toBeGreaterThan(0);
      for (const candle of told) {
        expect(seriesKey(candle)).toBe(key);
        expect(isEpochMs(candle.openTime)).toBe(true);
        expect([candle.observedAt, candle.source]).toEqual([context.receivedAt, 'ws']);
        for (const value of [candle.open, candle.high, candle.low, candle.close]) {
          expect(parseDecimal(value)).toEqual({ ok: true, value });
        }
      }
      expect(mapper.readStream(frame, context)).toEqual(read(frame));
    }
  });

  test('a frame of a series that nobody asked for tells no candle', () => {
    const other: Instrument = { ...series.instrument, symbol: 'OTHER/X', venueSymbol: 'OTHERX' };
    for (const frame of subject.candles) {
      const said = read(frame, { ...series, instrument: other });
      expect(said.filter(({ kind }) => kind === 'candle' || kind === 'reject')).toEqual([]);
    }
  });

  test('a frame names the series that it is of', () => {
    for (const frame of subject.candles) {
      expect(mapper.namesOf(JSON.parse(frame))).toEqual([
        { venueSymbol: series.instrument.venueSymbol, interval: series.interval },
      ]);
    }
  });

  test('a refusal is told as one, with its words', () => {
    expect(read(subject.refused)).toEqual([
      { kind: 'refused', reason: expect.stringMatching(/\w/) as unknown },
    ]);
  });

  test('what should be a candle and is none is a reject that keeps the frame', () => {
    for (const frame of [...subject.rejected, '', '{"truncated":', '[1']) {
      const said = read(frame).filter(({ kind }) => kind !== 'sequence');
      expect(said.length).toBeGreaterThan(0);
      for (const each of said) expect(each).toMatchObject({ kind: 'reject', frame });
    }
  });

  test('numbers of frames are told in order', () => {
    const numbers = subject.numbered.map((frame) => read(frame)[0]);
    expect(numbers).toEqual(
      subject.numbered.map((_, index) => ({ kind: 'sequence', number: index })),
    );
  });
}

function testShapes({ mapper }: MapperSubject): void {
  const series = { exchange: mapper.id, marketType: mapper.marketType, symbol: 'BTC/USDT' };
  const at = epochMs(1_790_000_000_000);

  test('whatever JSON comes is an answer or none; nothing throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const json = mapper.parse(text);
        const context = { series: { ...series, interval: '1h' as const }, from: at, to: at };
        const mapped = mapper.mapCandles(json, { ...context, venueNow: at, observedAt: at });
        if (Array.isArray(value)) expect(mapped?.rejects).toHaveLength(value.length);
        mapper.mapInstruments(json);
        mapper.mapFunding?.(json, { symbol: 'BTC/USDT', from: at, to: at, observedAt: at });
        expect(mapper.namesOf(json)).toEqual([]);
        const said = mapper.readStream(text, { series: [], receivedAt: at });
        expect(said.filter(({ kind }) => kind === 'candle')).toEqual([]);
      }),
      { numRuns: 300, seed: 4 },
    );
  });
}
