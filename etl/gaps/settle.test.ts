/** The rule of the ledger, with minutes and made-up times. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Gap } from '#core/gap.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { ATTEMPTS_MAX, settleGaps, type Answer, type Findings, type TimeRange } from './settle.ts';

const START = Date.UTC(2025, 5, 1);
const MINUTE = 60_000;
const NOW = epochMs(Date.UTC(2025, 6, 1));
const LATER = epochMs(NOW + 3_600_000);

const at = (minute: number): EpochMs => epochMs(START + minute * MINUTE);
const range = (from: number, to: number): TimeRange => ({ from: at(from), to: at(to) });
const minutes = ({ from, to }: TimeRange): [number, number] => [
  (from - START) / MINUTE,
  (to - START) / MINUTE,
];

function findings(changes: Partial<Findings> = {}): Findings {
  return {
    grid: { calendar: 'always', interval: '1m' },
    window: range(0, 100),
    holes: [],
    replaced: [],
    known: [],
    answer: null,
    halted: [],
    reachFrom: null,
    now: NOW,
    ...changes,
  };
}

function answer(of: TimeRange, changes: Partial<Answer> = {}): Answer {
  return { ...of, failure: null, refused: [], remark: null, runId: '7', ...changes };
}

const told = (rows: readonly Gap[]): [string, number, number, number][] =>
  rows.map((gap) => [gap.cause, ...minutes(gap), gap.candles]);

/** The ledger after a look that found these holes. */
const missing = (...holes: readonly TimeRange[]): readonly Gap[] =>
  settleGaps(findings({ holes })).rows;

describe('a known halt', () => {
  const halted = [{ ...range(10, 20), detail: 'halted from A to B: upgrade (https://v.example)' }];

  test('lets one answer without the candles settle those that lie in it, with the reason', () => {
    const known = missing(range(12, 18));
    const asked = answer(range(12, 18), { remark: 'missing in 3 other series too' });
    const { rows } = settleGaps(
      findings({ holes: [range(12, 18)], known, answer: asked, halted, now: LATER }),
    );
    expect(told(rows)).toEqual([['venue_empty', 12, 18, 6]]);
    expect(rows[0]).toMatchObject({
      emptyAnswers: 1,
      resolvedAt: LATER,
      detail: 'answered once without them; halted from A to B: upgrade (https://v.example)',
    });
  });

  test('leaves what reaches out of it to a second answer', () => {
    const known = missing(range(5, 25));
    const first = settleGaps(
      findings({ holes: [range(5, 25)], known, answer: answer(range(5, 25)), halted }),
    );
    expect(told(first.rows)).toEqual([
      ['missing', 5, 10, 5],
      ['venue_empty', 10, 20, 10],
      ['missing', 20, 25, 5],
    ]);
    const again = settleGaps(
      findings({ holes: [range(5, 25)], known: first.rows, answer: answer(range(5, 25)), halted }),
    );
    expect(again.rows.map(({ cause, detail }) => [cause, detail?.slice(0, 16)])).toEqual([
      ['venue_empty', 'answered 2 times'],
      ['venue_empty', 'answered once wi'],
      ['venue_empty', 'answered 2 times'],
    ]);
  });

  test('settles nothing by itself: a hole that nobody asked for is missing', () => {
    const { rows } = settleGaps(findings({ holes: [range(12, 18)], halted }));
    expect(told(rows)).toEqual([['missing', 12, 18, 6]]);
  });

  test('does not make a failure or a refused row an empty answer', () => {
    const known = missing(range(12, 18));
    const asked = answer(range(12, 18), { failure: 'the venue answered rubbish' });
    const { rows } = settleGaps(findings({ holes: [range(12, 18)], known, answer: asked, halted }));
    expect(told(rows)).toEqual([['missing', 12, 18, 6]]);
  });
});

describe('a look', () => {
  test('records what is missing as ranges, and says how many candles', () => {
    const { rows, found, changed } = settleGaps(findings({ holes: [range(5, 8), range(40, 100)] }));
    expect(told(rows)).toEqual([
      ['missing', 5, 8, 3],
      ['missing', 40, 100, 60],
    ]);
    expect(rows[0]).toMatchObject({ attempts: 0, firstSeenAt: NOW, resolvedAt: null });
    expect([found, changed.missing]).toEqual([63, 63]);
  });

  test('that finds the same again changes nothing, be it later', () => {
    const known = missing(range(5, 8));
    const again = settleGaps(findings({ holes: [range(5, 8)], known, now: LATER }));
    expect(again.rows).toEqual(known);
    expect(again.found).toBe(0);
  });

  test('turns what has come to repaired, and cuts a row of which a part has come', () => {
    const { rows, changed } = settleGaps(
      findings({ holes: [range(20, 25)], known: missing(range(10, 30)), now: LATER }),
    );
    expect(told(rows)).toEqual([
      ['repaired', 10, 20, 10],
      ['missing', 20, 25, 5],
      ['repaired', 25, 30, 5],
    ]);
    expect(rows.map(({ firstSeenAt }) => firstSeenAt)).toEqual([NOW, NOW, NOW]);
    expect(rows.map(({ resolvedAt }) => resolvedAt)).toEqual([LATER, null, LATER]);
    expect(changed.repaired).toBe(15);
  });

  test('joins a gap that grows with what it grew from', () => {
    const { rows } = settleGaps(
      findings({ holes: [range(10, 30)], known: missing(range(10, 20)), now: LATER }),
    );
    expect(told(rows)).toEqual([['missing', 10, 30, 20]]);
    expect(rows[0]?.firstSeenAt).toBe(NOW);
  });

  test('begins a new story where a repaired candle is gone again', () => {
    const known = settleGaps(findings({ known: missing(range(10, 12)) })).rows;
    expect(told(known)).toEqual([['repaired', 10, 12, 2]]);
    const { rows, found } = settleGaps(findings({ known, holes: [range(10, 12)], now: LATER }));
    expect(told(rows)).toEqual([['missing', 10, 12, 2]]);
    expect(rows[0]).toMatchObject({ firstSeenAt: LATER, resolvedAt: null, attempts: 0 });
    expect(found).toBe(2);
  });

  test('leaves what lies outside its window as it is', () => {
    const known = missing(range(10, 30));
    const { rows } = settleGaps(findings({ window: range(15, 20), holes: [], known, now: LATER }));
    expect(told(rows)).toEqual([
      ['missing', 10, 15, 5],
      ['repaired', 15, 20, 5],
      ['missing', 20, 30, 10],
    ]);
  });

  test('does not miss a weekend, and counts none in a gap that spans one', () => {
    // Friday 2025-06-13 20:00 UTC is the last hour before the close, Sunday 21:00 the first after it.
    const window = {
      from: epochMs(Date.UTC(2025, 5, 13, 18)),
      to: epochMs(Date.UTC(2025, 5, 15, 23)),
    };
    const grid = { calendar: 'fx-week', interval: '1h' } as const;
    const shut = {
      from: epochMs(Date.UTC(2025, 5, 13, 21)),
      to: epochMs(Date.UTC(2025, 5, 15, 21)),
    };
    expect(settleGaps(findings({ grid, window, holes: [shut] })).rows).toEqual([]);
    const { rows } = settleGaps(findings({ grid, window, holes: [window] }));
    expect(rows).toMatchObject([{ ...window, candles: 5 }]);
  });

  test('gives up at once what the venue no longer tells', () => {
    const { rows } = settleGaps(findings({ holes: [range(10, 30)], reachFrom: at(20) }));
    expect(told(rows)).toEqual([
      ['unrepairable', 10, 20, 10],
      ['missing', 20, 30, 10],
    ]);
    expect(rows[0]).toMatchObject({ resolvedAt: NOW, detail: expect.stringContaining('older') });
  });
});

describe('after a question', () => {
  const hole = range(10, 20);
  const ask = (known: readonly Gap[], changes: Partial<Answer> = {}): readonly Gap[] =>
    settleGaps(findings({ known, holes: [hole], answer: answer(hole, changes), now: LATER })).rows;

  test('one empty answer leaves it open, the second settles it', () => {
    const once = ask(missing(hole));
    expect(once).toMatchObject([
      { cause: 'missing', attempts: 1, emptyAnswers: 1, lastCheckedAt: LATER, lastRunId: '7' },
    ]);
    const twice = ask(once);
    expect(twice).toMatchObject([{ cause: 'venue_empty', attempts: 2, resolvedAt: LATER }]);
    // Settled is settled: another question changes nothing.
    expect(ask(twice)).toEqual(twice);
  });

  test('a failure is no empty answer, and is told', () => {
    let rows = missing(hole);
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt += 1) {
      rows = ask(rows, { failure: 'HTTP 500', runId: null });
      expect(rows).toMatchObject([
        { cause: 'missing', attempts: attempt, emptyAnswers: 0, detail: 'HTTP 500' },
      ]);
    }
    expect(ask(rows, { failure: 'HTTP 500', runId: null })).toMatchObject([
      { cause: 'unrepairable', attempts: ATTEMPTS_MAX, detail: 'HTTP 500' },
    ]);
  });

  test('a row that the venue sends and that was refused is not empty', () => {
    const refused = [{ from: at(12), to: epochMs(at(12) + 1), reason: 'ohlc_order' }];
    const rows = ask(ask(missing(hole)), { refused });
    expect(told(rows)).toEqual([
      ['venue_empty', 10, 12, 2],
      ['missing', 12, 13, 1],
      ['venue_empty', 13, 20, 7],
    ]);
    expect(rows[1]?.detail).toContain('ohlc_order');
  });

  test('only what was asked for is judged by it', () => {
    const wide = range(0, 50);
    const { rows } = settleGaps(
      findings({ known: missing(wide), holes: [wide], answer: answer(range(20, 30)) }),
    );
    expect(rows.map((gap) => [...minutes(gap), gap.attempts])).toEqual([
      [0, 20, 0],
      [20, 30, 1],
      [30, 50, 0],
    ]);
  });

  test('what comes after it was settled is repaired, and says what it had been', () => {
    const rows = settleGaps(findings({ known: ask(ask(missing(hole))), now: LATER })).rows;
    expect(rows).toMatchObject([{ cause: 'repaired', detail: 'was venue_empty' }]);
  });

  test('that the venue may have been halted is said where others miss the same', () => {
    const remark = 'missing in 3 other series too: it may have been halted';
    expect(ask(ask(missing(hole)), { remark })[0]?.detail).toContain(remark);
  });
});

test('a made-up candle stays marked until a real one takes its place', () => {
  const made: Gap = { ...missing(range(10, 12))[0]!, cause: 'synthetic', resolvedAt: NOW };
  expect(settleGaps(findings({ known: [made], now: LATER })).rows).toEqual([made]);
  const one = { from: at(11), to: epochMs(at(11) + 1) };
  const { rows } = settleGaps(findings({ known: [made], replaced: [one], now: LATER }));
  expect(told(rows)).toEqual([
    ['synthetic', 10, 11, 1],
    ['repaired', 11, 12, 1],
  ]);
});

test('whatever is seen in whatever order, rows never overlap and say where the holes are', () => {
  const holesOf = fc
    .uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 30 })
    .map((slots) => slots.sort((a, b) => a - b).map((slot) => range(slot, slot + 1)));
  const look = fc.record({
    holes: holesOf,
    from: fc.integer({ min: 0, max: 30 }),
    width: fc.integer({ min: 1, max: 40 }),
    isAsked: fc.boolean(),
    failure: fc.constantFrom(null, 'HTTP 500'),
  });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 8 }), (looks) => {
      let known: readonly Gap[] = [];
      for (const [index, { holes, from, width, isAsked, failure }] of looks.entries()) {
        const window = range(from, from + width);
        const seen = holes.filter((each) => each.from >= window.from && each.to <= window.to);
        const facts = findings({
          window,
          holes: seen,
          known,
          answer: isAsked ? answer(window, { failure }) : null,
          now: epochMs(NOW + index * MINUTE),
        });
        known = settleGaps(facts).rows;
        const looked = { ...facts, answer: null, known, now: LATER };
        expect(settleGaps(looked).rows).toEqual(known);
        let last = -Infinity;
        for (const gap of known) {
          expect(gap.from).toBeGreaterThanOrEqual(last);
          expect(gap.candles).toBe((gap.to - gap.from) / MINUTE);
          expect(gap.cause === 'missing').toBe(gap.resolvedAt === null);
          last = gap.to;
        }
        const open = known.filter(({ cause }) => cause !== 'repaired');
        for (let slot = from; slot < from + width; slot += 1) {
          const isOpen = open.some((gap) => gap.from <= at(slot) && at(slot) < gap.to);
          expect(isOpen).toBe(seen.some((each) => each.from === at(slot)));
        }
      }
    }),
    { numRuns: 300, seed: 20_250_601 },
  );
});
