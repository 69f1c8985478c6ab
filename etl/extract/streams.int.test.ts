/**
 * The streams of every venue on the recorded venues' sockets: the addresses and frames of each adapter
 * are understood, what comes back is candles, and what a candle ends as is what REST says of it. The
 * transport is not ours here: a plain socket carries the frames.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { nextOpen, type Interval } from '#core/interval.ts';
import { epochMs, formatInstant, parseInstant } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { openTestVenue, type TestStream, type TestVenue } from '../../local/venues/test-venue.ts';
import { candlesOf, collectPages } from '../../tests/support/venue-pages.ts';
import { createBinanceFutures } from './binance-futures/rest.ts';
import { createCoinbase } from './coinbase/rest.ts';
import { createHyperliquid } from './hyperliquid/rest.ts';
import type { StreamMessage, StreamSeries, VenueAdapter, VenueStream } from './venue.ts';

const VENUES = [
  {
    id: 'binance-futures',
    create: createBinanceFutures,
    symbol: 'BTC/USDT',
    interval: '1m',
    open: '2025-06-03T12:00:00Z',
    // Its klines say when they are closed.
    saysClosed: true,
  },
  {
    id: 'coinbase',
    create: createCoinbase,
    symbol: 'BTC/USD',
    interval: '5m',
    open: '2018-04-04T12:00:00Z',
    saysClosed: false,
  },
  {
    id: 'hyperliquid',
    create: createHyperliquid,
    symbol: 'kPEPE/USDC',
    interval: '1h',
    open: '2023-05-22T06:00:00Z',
    saysClosed: false,
  },
] as const;

describe.each(VENUES)('the stream of $id', ({ id, create, symbol, interval, open, saysClosed }) => {
  const OPEN = parseInstant(open);
  const END = nextOpen(interval satisfies Interval, OPEN);
  let subject: TestVenue;
  let adapter: VenueAdapter;
  let stream: VenueStream;
  let series: StreamSeries;
  let socket: TestStream;

  beforeEach(async () => {
    subject = await openTestVenue(formatInstant(epochMs(OPEN + 30_000)));
    adapter = create({ ...subject.venue.urls[id], clock: createManualClock(OPEN) });
    const instrument = (await adapter.fetchInstruments()).find((each) => each.symbol === symbol);
    if (adapter.stream === null || instrument === undefined) throw new Error('nothing to stream');
    stream = adapter.stream;
    series = { instrument, interval };
    const { streamUrl } = subject.venue.urls[id];
    const address = stream.url([series]);
    expect(address.startsWith(streamUrl)).toBe(true);
    socket = await subject.connect(id, address.slice(streamUrl.length));
    for (const frame of stream.subscribe([series])) socket.send(frame);
    await socket.settle();
  });
  afterEach(async () => {
    adapter.close();
    await subject.close();
  });

  const hear = (): StreamMessage[] =>
    socket
      .waiting()
      .flatMap((frame) => stream.read(frame, { series: [series], receivedAt: epochMs(OPEN) }));
  const step = async (ms: number): Promise<void> => {
    subject.clock.set(epochMs(OPEN + ms));
    subject.wallClock.set(epochMs(subject.wallClock.now() + 1_000));
    subject.venue.tick();
    await socket.settle();
  };

  test('tells the candle as it forms and as it ends, which REST says as well', async () => {
    await step(END - OPEN + 1_000);
    await step(END - OPEN + 2_000);
    const said = hear();
    expect(said.filter(({ kind }) => kind === 'reject' || kind === 'refused')).toEqual([]);
    const told = said.flatMap((each) => (each.kind === 'candle' ? [each.candle] : []));
    const ended = told.filter(({ openTime }) => openTime === OPEN).at(-1);
    const [stored] = candlesOf(
      await collectPages(adapter, { symbol, interval, from: OPEN, to: END }),
    );
    expect(stored?.isClosed).toBe(true);
    expect(ended && valuesOf(ended)).toEqual(stored && valuesOf(stored));
    expect(ended?.isClosed).toBe(saysClosed);
    expect(told.some(({ openTime }) => openTime === END)).toBe(true);
  });

  test('numbers its frames without a jump, or not at all', async () => {
    await step(END - OPEN + 1_000);
    await step(END - OPEN + 2_000);
    const numbers = hear().flatMap((each) => (each.kind === 'sequence' ? [each.number] : []));
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(numbers.length > 0).toBe(id === 'coinbase');
  });

  test('is kept alive by what the adapter says', async () => {
    if (stream.keepAlive === null) return;
    const before = socket.waiting().length;
    socket.send(stream.keepAlive.frame);
    await socket.settle();
    expect(socket.waiting()).toHaveLength(before + 1);
    expect(stream.read(socket.waiting().at(-1) ?? '', { series: [], receivedAt: OPEN })).toEqual(
      [],
    );
  });
});

function valuesOf({
  isClosed: _closed,
  observedAt: _seen,
  source: _source,
  ...rest
}: Candle): object {
  return rest;
}
