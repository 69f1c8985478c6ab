import { expect, test } from 'vitest';
import { formatInstant, parseInstant, type EpochMs } from '#core/time.ts';
import { closeTiming, cronProblem, cronTiming, type Timing } from './timing.ts';

/** The moments that follow one another from `after` on. */
function following(timing: Timing, after: string, count: number): string[] {
  const found: string[] = [];
  let at: EpochMs = parseInstant(after);
  for (let index = 0; index < count; index += 1) {
    at = timing.next(at);
    found.push(formatInstant(at));
  }
  return found;
}

test.each<[string, string, string[]]>([
  [
    '3 * * * * *',
    '2025-06-01T00:00:02.999Z',
    ['2025-06-01T00:00:03.000Z', '2025-06-01T00:01:03.000Z'],
  ],
  ['3 * * * * *', '2025-06-01T00:00:03Z', ['2025-06-01T00:01:03.000Z']],
  ['* * * * * *', '2025-06-01T23:59:59Z', ['2025-06-02T00:00:00.000Z', '2025-06-02T00:00:01.000Z']],
  [
    '*/20 * * * *',
    '2025-12-31T23:45:00Z',
    ['2026-01-01T00:00:00.000Z', '2026-01-01T00:20:00.000Z'],
  ],
  [
    '0 17 */6 * * *',
    '2025-06-01T18:17:00Z',
    ['2025-06-02T00:17:00.000Z', '2025-06-02T06:17:00.000Z'],
  ],
  [
    '0 0 12 29 2 *',
    '2025-06-01T00:00:00Z',
    ['2028-02-29T12:00:00.000Z', '2032-02-29T12:00:00.000Z'],
  ],
  [
    '0 30 6 * * mon',
    '2025-06-01T00:00:00Z',
    ['2025-06-02T06:30:00.000Z', '2025-06-09T06:30:00.000Z'],
  ],
])('cron "%s" comes after %s at %j', (expression, after, moments) => {
  expect(following(cronTiming(expression), after, moments.length)).toEqual(moments);
});

test.each(['', 'soon', '61 * * * * *', '* * *', '0 0 30 2 *'])(
  '"%s" is no cron expression',
  (text) => {
    expect(cronProblem(text)).not.toBeNull();
  },
);

test('a cron expression with seconds and one without are both good', () => {
  expect([cronProblem('3 * * * * *'), cronProblem('*/5 * * * *')]).toEqual([null, null]);
});

test.each<['1m' | '1h' | '1d' | '1w' | '1M', string, string[]]>([
  ['1m', '2025-06-01T00:00:01.999Z', ['2025-06-01T00:00:02.000Z', '2025-06-01T00:01:02.000Z']],
  ['1m', '2025-06-01T00:00:02.000Z', ['2025-06-01T00:01:02.000Z']],
  ['1h', '2025-06-01T00:30:00Z', ['2025-06-01T01:00:02.000Z', '2025-06-01T02:00:02.000Z']],
  ['1d', '2025-06-01T00:00:00Z', ['2025-06-01T00:00:02.000Z', '2025-06-02T00:00:02.000Z']],
  ['1w', '2025-06-01T00:00:00Z', ['2025-06-02T00:00:02.000Z', '2025-06-09T00:00:02.000Z']],
  ['1M', '2025-06-30T23:00:00Z', ['2025-07-01T00:00:02.000Z', '2025-08-01T00:00:02.000Z']],
])('closes of %s after %s come 2 s late', (interval, after, moments) => {
  expect(following(closeTiming(interval, 2_000), after, moments.length)).toEqual(moments);
});

test('equal declarations have equal texts, and others have others', () => {
  expect(cronTiming('* * * * *').text).toBe(cronTiming('* * * * *').text);
  expect(closeTiming('1h', 1).text).not.toBe(closeTiming('1h', 2).text);
});
