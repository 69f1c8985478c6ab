/** What a gap of each cause does to the trust in its series, and which candles stand behind a hole. */
import { describe, expect, test } from 'vitest';
import type { GapChange } from '#core/contracts/ledger-change.ts';
import { GAP_CAUSES, type Gap, type GapCause } from '#core/gap.ts';
import { epochMs } from '#core/time.ts';
import { CandleStream } from '../tests/support/candle-stream.ts';
import { holesOf, isAcrossHole, NO_HOLES, withGap } from './holes.ts';

const MINUTE_MS = 60_000;
const DAY = Date.UTC(2026, 0, 5);
const PLACE = new CandleStream(1).changes[0]!;

/** Minute `at` of a day. */
function minute(at: number): number {
  return DAY + at * MINUTE_MS;
}

function gapChange(from: number, to: number, cause: GapCause | null): GapChange {
  const gap: Gap | null =
    cause === null
      ? null
      : {
          from: epochMs(minute(from)),
          to: epochMs(minute(to)),
          candles: to - from,
          cause,
          attempts: 0,
          emptyAnswers: 0,
          firstSeenAt: epochMs(DAY),
          lastCheckedAt: null,
          resolvedAt: null,
          detail: null,
          lastRunId: null,
        };
  return { ...PLACE, from: epochMs(minute(from)), gap };
}

describe('a gap', () => {
  test.each([
    ['missing', true],
    ['unrepairable', true],
    ['synthetic', true],
    ['venue_empty', false],
    ['repaired', false],
  ] as const)('that is %s is a hole: %s', (cause, isHole) => {
    expect(withGap(NO_HOLES, gapChange(3, 5, cause)).length === 1).toBe(isHole);
    expect(holesOf([{ from: minute(3), to: minute(5), cause }]).length === 1).toBe(isHole);
  });

  test('of every cause is one or the other', () => {
    for (const cause of GAP_CAUSES) {
      expect(withGap(NO_HOLES, gapChange(3, 5, cause)).length).toBeLessThanOrEqual(1);
    }
  });

  test('that was repaired or deleted is none any more', () => {
    const holes = withGap(
      withGap(NO_HOLES, gapChange(7, 8, 'missing')),
      gapChange(3, 5, 'missing'),
    );
    expect(holes.map(({ from }) => from)).toEqual([minute(3), minute(7)]);
    expect(withGap(holes, gapChange(3, 5, 'repaired'))).toEqual([holes[1]]);
    expect(withGap(holes, gapChange(7, 8, null))).toEqual([holes[0]]);
  });

  test('that is asked for once more changes nothing, and says so', () => {
    const holes = withGap(NO_HOLES, gapChange(3, 5, 'missing'));
    expect(withGap(holes, gapChange(3, 5, 'unrepairable'))).toBe(holes);
    expect(withGap(holes, gapChange(9, 9, 'venue_empty'))).toBe(holes);
    expect(withGap(holes, gapChange(3, 4, 'missing'))).not.toBe(holes);
  });
});

describe('with minutes 3 and 4 missing', () => {
  const holes = withGap(
    withGap(NO_HOLES, gapChange(3, 5, 'missing')),
    gapChange(20, 21, 'missing'),
  );
  test.each([
    ['the first behind them', 2, 5, true],
    ['one much later that is the first behind them', 2, 90, true],
    ['the first there is', null, 5, false],
    ['one before them', 1, 2, false],
    ['the next one', 5, 6, false],
    ['one that came for minute 3', 2, 3, false],
    ['the one behind that', 3, 5, true],
    ['the one behind both that came', 4, 5, false],
    ['one behind slots that nobody misses', 6, 9, false],
    ['one behind several holes', 1, 30, true],
  ] as const)('%s is across: %s to %s', (_what, before, at, isAcross) => {
    const previous = before === null ? null : minute(before);
    expect(isAcrossHole(holes, '1m', previous, minute(at))).toBe(isAcross);
  });
});

test('of two gaps that touch, the one before the candle counts', () => {
  const holes = withGap(
    withGap(NO_HOLES, gapChange(10, 20, 'unrepairable')),
    gapChange(20, 30, 'missing'),
  );
  expect(isAcrossHole(holes, '1m', minute(9), minute(20))).toBe(true);
  expect(isAcrossHole(holes, '1m', minute(20), minute(21))).toBe(false);
});

test('a month is as long as it is', () => {
  const day = 86_400_000;
  const february = Date.UTC(2026, 1, 1);
  const march = Date.UTC(2026, 2, 1);
  const april = Date.UTC(2026, 3, 1);
  const holes = holesOf([{ from: march, to: april, cause: 'missing' }]);
  expect(isAcrossHole(holes, '1M', february, march)).toBe(false);
  expect(isAcrossHole(holes, '1M', february, april)).toBe(true);
  expect(isAcrossHole(holes, '1d', march - day, march)).toBe(false);
});

test('made-up candles are across themselves, and so is none behind them', () => {
  const holes = withGap(NO_HOLES, gapChange(3, 5, 'synthetic'));
  const across = [2, 3, 4, 5, 6].map((at) => isAcrossHole(holes, '1m', minute(at - 1), minute(at)));
  expect(across).toEqual([false, true, true, false, false]);
});
