import { describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, testCandle } from '../../tests/support/candles.ts';
import type { StreamSeries } from '../extract/venue.ts';
import { StreamedSeries } from './streamed-series.ts';

const MINUTE = 60_000;
const ASK_DELAY = 3_000;
const SOURCE: StreamSeries = {
  interval: '1m',
  instrument: {
    exchange: 'binance-futures',
    marketType: 'perp',
    symbol: 'BTC/USDT',
    base: 'BTC',
    quote: 'USDT',
    venueSymbol: 'BTCUSDT',
    aliases: [],
    isTrading: true,
    venueStatus: 'TRADING',
    onboardTime: null,
    delistTime: null,
    tickSize: null,
    stepSize: null,
  },
};

function at(minutes: number, ms = 0): EpochMs {
  return epochMs(TEST_OPEN_TIME + minutes * MINUTE + ms);
}

function series(every = 1, phase = 0): StreamedSeries {
  const state = new StreamedSeries(SOURCE, at(0), { delayMs: ASK_DELAY, every, phase });
  state.connection(true, at(0));
  return state;
}

function told(state: StreamedSeries, minute: number, changes: Partial<Candle> = {}): boolean {
  const candle = testCandle({ openTime: at(minute), isClosed: false, source: 'ws', ...changes });
  return state.take(candle, `frame ${minute}`, at(minute, 30_000));
}

const closedTimes = (state: StreamedSeries): (EpochMs | undefined)[] =>
  state.takeFrames().map(({ candle }) => candle?.openTime);

describe('what is stored', () => {
  test('a closed candle once, with the frame that told it', () => {
    const state = series();
    told(state, 0);
    expect(state.takeFrames()).toEqual([]);
    told(state, 0, { isClosed: true });
    told(state, 0, { isClosed: true });
    expect(state.takeFrames()).toMatchObject([
      { candle: { openTime: at(0), isClosed: true }, frame: 'frame 0', receivedAt: at(0, 30_000) },
    ]);
    expect(state.takeFrames()).toEqual([]);
  });

  test('a running candle at most once a second, always the newest', () => {
    const state = series();
    told(state, 0, { close: decimal('101') });
    expect(state.takeRunning(at(0, 5_000))).toMatchObject({ close: '101' });
    told(state, 0, { close: decimal('102') });
    told(state, 0, { close: decimal('103') });
    expect(state.takeRunning(at(0, 5_999))).toBeNull();
    expect(state.takeRunning(at(0, 6_000))).toMatchObject({ close: '103' });
    expect(state.takeRunning(at(0, 9_000))).toBeNull();
  });

  test('no running candle once it is closed, and none that is told after', () => {
    const state = series();
    told(state, 0);
    told(state, 0, { isClosed: true });
    expect(told(state, 0, { close: decimal('104') })).toBe(false);
    expect(state.takeRunning(at(1))).toBeNull();
  });

  test('nothing for a frame that says the same again', () => {
    const state = series();
    expect(told(state, 0)).toBe(true);
    expect(told(state, 0)).toBe(false);
    expect(told(state, 0, { volume: decimal('13') })).toBe(true);
  });

  test('a closed candle that is told late', () => {
    const state = series();
    told(state, 1);
    expect(told(state, 0)).toBe(false);
    expect(told(state, 0, { isClosed: true })).toBe(true);
    expect(closedTimes(state)).toEqual([at(0)]);
  });

  test('nothing of a candle that jumps: what follows has to confirm it', () => {
    const state = series();
    told(state, 0, { isClosed: true });
    state.takeFrames();
    const spike = { high: decimal('99999') };
    expect(told(state, 1, spike)).toBe(false);
    expect(state.takeRunning(at(1, 5_000))).toBeNull();
    expect(told(state, 1, { ...spike, isClosed: true })).toBe(false);
    expect(state.takeFrames()).toEqual([]);
    expect(state.ended(at(1)), 'it is held against the answer').toMatchObject(spike);
  });

  test('frames up to a bound while the store is away', () => {
    const state = series();
    for (let minute = 0; minute < 1_100; minute += 1) told(state, minute, { isClosed: true });
    expect(state.takeFrames()).toHaveLength(1_000);
  });

  test('frames that could not be stored, again and first', () => {
    const state = series();
    told(state, 0, { isClosed: true });
    const failed = state.takeFrames();
    told(state, 1, { isClosed: true });
    state.putBack(failed);
    expect(closedTimes(state)).toEqual([at(0), at(1)]);
  });
});

describe('the venue is asked', () => {
  test('about every candle that is over, a moment after its end, told or not', () => {
    const state = series();
    expect(state.due(at(1, ASK_DELAY - 1))).toBeNull();
    expect(state.due(at(1, ASK_DELAY))).toEqual({ from: at(0), to: at(1) });
    expect(state.due(at(5, 10_000))).toEqual({ from: at(0), to: at(5) });
  });

  test('no further than it has answered', () => {
    const state = series();
    state.answered(at(2), at(3));
    expect(state.askedUntil).toBe(at(2));
    expect(state.due(at(3, ASK_DELAY - 1))).toBeNull();
    expect(state.due(at(3, ASK_DELAY))).toEqual({ from: at(2), to: at(3) });
  });

  test('less and less often while it has nothing new, and at once after a loss', () => {
    const state = series();
    const waits: number[] = [];
    let now = at(2);
    for (let times = 0; times < 9; times += 1) {
      state.answered(null, now);
      let ms = 0;
      while (state.due(epochMs(now + ms)) === null) ms += 500;
      waits.push(ms);
      now = epochMs(now + ms);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
    expect(state.fruitless).toBe(9);
    state.connection(false, now);
    expect(state.due(now)).not.toBeNull();
    expect(state.fruitless).toBe(0);
  });
});

describe('with several candles in one question', () => {
  const tellClosed = (state: StreamedSeries, ...minutes: readonly number[]): void => {
    for (const minute of minutes) told(state, minute, { isClosed: true });
  };
  // TEST_OPEN_TIME is a multiple of five minutes.
  const dueAfter = (state: StreamedSeries, minute: number) => state.due(at(minute, ASK_DELAY));

  test('those that were told as closed are asked for at every n-th', () => {
    const state = series(5);
    for (const minute of [0, 1, 2, 3]) {
      tellClosed(state, minute);
      expect(dueAfter(state, minute + 1)).toBeNull();
    }
    tellClosed(state, 4);
    expect(state.due(at(5, ASK_DELAY - 1))).toBeNull();
    expect(dueAfter(state, 5)).toEqual({ from: at(0), to: at(5) });
  });

  test('series take turns', () => {
    const first = [0, 1, 2, 3, 4].map((phase) => {
      const state = series(5, phase);
      for (let minute = 0; ; minute += 1) {
        tellClosed(state, minute);
        if (dueAfter(state, minute + 1) !== null) return minute + 1;
      }
    });
    expect(first).toEqual([5, 4, 3, 2, 1]);
  });

  test('one that was not told as closed is asked for at once, with those before it', () => {
    const silent = series(5);
    expect(dueAfter(silent, 1)).toEqual({ from: at(0), to: at(1) });
    const state = series(5);
    tellClosed(state, 0, 1);
    told(state, 2);
    expect(dueAfter(state, 2)).toBeNull();
    expect(dueAfter(state, 3)).toEqual({ from: at(0), to: at(3) });
  });

  test('one that jumps and was therefore not stored is asked for at once', () => {
    const state = series(5);
    tellClosed(state, 0);
    told(state, 1, { isClosed: true, high: decimal('99999') });
    expect(dueAfter(state, 2)).toEqual({ from: at(0), to: at(2) });
  });

  test('never more than n wait, and one that failed waits for no other', () => {
    const late = series(5, 1);
    tellClosed(late, 0, 1, 2, 3);
    late.answered(at(1), at(1));
    tellClosed(late, 4, 5);
    expect(late.due(at(6, ASK_DELAY))).toEqual({ from: at(1), to: at(6) });
    const failed = series(5);
    tellClosed(failed, 0);
    failed.answered(null, at(1, ASK_DELAY));
    expect(failed.due(at(1, ASK_DELAY + 1_000))).toEqual({ from: at(0), to: at(1) });
  });
});

describe('what the stream told is remembered', () => {
  test('as it was told last, until the venue has answered', () => {
    const state = series();
    told(state, 0, { close: decimal('101') });
    told(state, 0, { close: decimal('102') });
    told(state, 1);
    expect(state.ended(at(0))).toMatchObject({ close: '102', isClosed: false });
    state.answered(at(1), at(1, ASK_DELAY));
    expect(state.ended(at(0))).toBeUndefined();
  });

  test('by whether the venue itself called it closed', () => {
    const state = series();
    told(state, 0);
    told(state, 1, { isClosed: true });
    told(state, 2);
    expect(state.saidClosed(at(0), at(3)).map(({ openTime }) => openTime)).toEqual([at(1)]);
    expect(state.saidClosed(at(0), at(1))).toEqual([]);
  });

  test('a candle was held when the connection stood from its beginning on', () => {
    const state = series();
    expect(state.wasHeld(at(0))).toBe(true);
    state.connection(false, at(3));
    expect(state.wasHeld(at(4))).toBe(false);
    state.connection(true, at(4, 1));
    expect(state.wasHeld(at(4))).toBe(false);
    expect(state.wasHeld(at(5))).toBe(true);
  });
});
