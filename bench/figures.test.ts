/** What the bench says about figures: ratios, bars, and when a baseline is not to be trusted. */
import { describe, expect, test } from 'vitest';
import { judge, type Bar, type Measured, type Unit } from './figures.ts';
import { percentile, spreadOf } from './statistics.ts';
import { renderTable } from './table.ts';

function measured(parts: {
  readonly unit: Unit;
  readonly value: number;
  readonly baseline?: number;
  readonly published?: number;
  readonly bar?: Bar;
}): Measured {
  const { unit, value, baseline, published, bar } = parts;
  return {
    bench: 'some',
    name: 'thing',
    unit,
    spread: spreadOf([value]),
    baseline:
      baseline === undefined
        ? null
        : { name: 'bare', spread: spreadOf([baseline]), published: published ?? null },
    bar: bar ?? null,
  };
}

describe('a bar', () => {
  const cases: {
    readonly title: string;
    readonly parts: Parameters<typeof measured>[0];
    readonly passed: boolean | null;
  }[] = [
    {
      title: 'of 40 % is passed at 40 % of the baseline',
      parts: {
        unit: 'rows/s',
        value: 40,
        baseline: 100,
        bar: { kind: 'share_min', share: 0.4 },
      },
      passed: true,
    },
    {
      title: 'of 40 % is missed below',
      parts: {
        unit: 'rows/s',
        value: 39,
        baseline: 100,
        bar: { kind: 'share_min', share: 0.4 },
      },
      passed: false,
    },
    {
      title: 'of twice the baseline is missed above it',
      parts: { unit: 'ms', value: 41, baseline: 20, bar: { kind: 'times_max', times: 2 } },
      passed: false,
    },
    {
      title: 'of twice the baseline is passed at it',
      parts: { unit: 'ms', value: 40, baseline: 20, bar: { kind: 'times_max', times: 2 } },
      passed: true,
    },
    {
      title: 'against a baseline that is missing is missed',
      parts: { unit: 'ms', value: 1, bar: { kind: 'times_max', times: 2 } },
      passed: false,
    },
    {
      title: 'of a value needs no baseline',
      parts: { unit: 'MiB', value: 2560, bar: { kind: 'value_max', value: 2560 } },
      passed: true,
    },
    {
      title: 'that is not set is neither passed nor missed',
      parts: { unit: 'MiB', value: 1 },
      passed: null,
    },
  ];
  test.each(cases)('$title', ({ parts, passed }) => {
    expect(judge(measured(parts)).passed).toBe(passed);
  });
});

describe('a baseline', () => {
  test.each<[string, Unit, number, boolean]>([
    ['a rate of 70 of published 100 is believed', 'rows/s', 70, false],
    ['a rate of 69 of published 100 is suspect', 'rows/s', 69, true],
    ['a rate above the published one is believed', 'rows/s', 500, false],
    ['a time of 142 against published 100 is believed', 'ms', 142, false],
    ['a time of 144 against published 100 is suspect', 'ms', 144, true],
  ])('%s', (_title, unit, baseline, suspect) => {
    expect(judge(measured({ unit, value: 1, baseline, published: 100 })).suspect).toBe(suspect);
  });
});

describe('the table', () => {
  test('shows figure, baseline, ratio, bar and verdict on one line', () => {
    const figure = judge(
      measured({
        unit: 'rows/s',
        value: 30_000,
        baseline: 120_000,
        published: 313_000,
        bar: { kind: 'share_min', share: 0.4 },
      }),
    );
    const line = renderTable([figure]).split('\n').at(-1);
    expect(line?.split(/ {2,}/)).toEqual([
      'some',
      'thing',
      '30.0k rows/s',
      '120k bare (suspect: published 313k)',
      '25 %',
      '>= 40 %',
      'MISS',
    ]);
  });
});

describe('order statistics', () => {
  test('a percentile lies between its neighbours by straight line', () => {
    expect(percentile([30, 10, 20, 40], 0.5)).toBe(25);
    expect(percentile([30, 10, 20, 40], 1)).toBe(40);
    expect(percentile([30, 10, 20, 40], 0)).toBe(10);
    expect(percentile([7], 0.99)).toBe(7);
  });

  test('nothing measured is an error, not a number', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });

  test('numbers are ordered as numbers', () => {
    expect(spreadOf([9, 10, 100])).toEqual({ median: 10, min: 9, max: 100, runs: 3 });
  });
});
