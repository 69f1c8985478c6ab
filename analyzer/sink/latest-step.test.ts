/** What a step tells of the latest values, change by change. */
import { beforeEach, expect, test } from 'vitest';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { CandleStream } from '../../tests/support/candle-stream.ts';
import { candleAfter, type HistoricCandle } from '../historic-candle.ts';
import { type NewestCandle } from '../series-state.ts';
import type { LatestValues } from './cache-latest.ts';
import { LatestStep } from './latest-step.ts';

const [CHANGE] = new CandleStream(1).changes;
const { key } = CHANGE!;
let newestClosed: HistoricCandle | null;
let step: LatestStep;

beforeEach(() => {
  newestClosed = null;
  const latest = {
    closed: ({ candle }: NewestCandle) => ({ openTime: candle.openTime, text: 'closed' }),
    open: ({ openTime }: CandleChange) => ({ openTime, text: 'open' }),
  };
  step = new LatestStep(latest, () => newestClosed);
});

const at = (minute: number): EpochMs => epochMs(CHANGE!.openTime + minute * 60_000);

function change(minute: number, isClosed: boolean | null): CandleChange {
  const values = isClosed === null ? null : { ...CHANGE!.values!, isClosed };
  return { ...CHANGE!, openTime: at(minute), values };
}

const running = (minute: number): void => step.note(change(minute, false));
const closed = (minute: number): void => step.note(change(minute, true));
const deleted = (minute: number): void => step.note(change(minute, null));

function candle(minute: number): HistoricCandle {
  return candleAfter(change(minute, true), CHANGE!.values!);
}

function newest(minute: number): void {
  const { openTime, version } = candle(minute);
  const at = { openTime, candleVersion: version, version };
  const row = { ...at, evaluation: null, candle: null, before: null };
  step.newest(key, { candle: candle(minute), row });
}

/** What is told of the series, in minutes. */
function told(): unknown {
  const minuteOf = (time: EpochMs): number => (time - at(0)) / 60_000;
  const values: LatestValues | undefined = step.take().get(key);
  if (values === undefined) return null;
  const { closed: shown, open, deletedAt } = values;
  return {
    ...(shown === undefined ? {} : { closed: shown === null ? null : minuteOf(shown.openTime) }),
    ...(open === undefined ? {} : { open: minuteOf(open.openTime) }),
    ...(deletedAt === undefined ? {} : { deleted: minuteOf(deletedAt) }),
  };
}

test('a closed candle is told by what came of it, not by its change', () => {
  closed(3);
  expect(told()).toBeNull();
  newest(3);
  expect(told()).toEqual({ closed: 3 });
});

test('of running candles the one that came last is told', () => {
  running(3);
  running(4);
  expect(told()).toEqual({ open: 4 });
});

test('a running candle that has closed before is not told again', () => {
  newestClosed = candle(4);
  running(3);
  running(4);
  expect(told()).toBeNull();
  running(5);
  expect(told()).toEqual({ open: 5 });
});

test('a running candle and what closed in the same step are both told', () => {
  running(5);
  newest(4);
  expect(told()).toEqual({ open: 5, closed: 4 });
});

test('a running candle that is deleted is told to be gone, not to be there', () => {
  running(5);
  deleted(5);
  expect(told()).toEqual({ deleted: 5 });
});

test('a running candle that comes back is there', () => {
  deleted(5);
  running(5);
  expect(told()).toEqual({ open: 5 });
});

test('of many deletions the newest candle counts', () => {
  running(9);
  for (const minute of [3, 8, 5]) deleted(minute);
  step.newest(key, null);
  expect(told()).toEqual({ open: 9, deleted: 8, closed: null });
});

test('a step is told once', () => {
  running(5);
  step.take();
  expect(told()).toBeNull();
});
