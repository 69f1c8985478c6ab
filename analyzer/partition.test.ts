/**
 * The analyzer's core against a model. A random table sends its changes; they arrive in batches cut
 * anywhere, some again, with states lost, restored and rebuilt in between. Whatever happens, the
 * newest version of every row must be what folding the final candles from scratch gives, bit for bit,
 * and a reader of the signals topic holds exactly its decisions for true.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seriesKey } from '#core/candle.ts';
import {
  anyOperation,
  CandleStream,
  STREAM_SERIES,
  type TableOperation,
} from '../tests/support/candle-stream.ts';
import { finalAnchor, finalCandles, finalHoles } from '../tests/support/final-candles.ts';
import { ModelledAnalyzer, sayingOf } from '../tests/support/modelled-analyzer.ts';
import { decisionsOf } from '../tests/support/told-decisions.ts';
import { SHORT_RULES, TRIAL_RULES } from '../tests/support/trial-rules.ts';
import { Evaluator, unanchored } from './evaluation.ts';
import { barOf } from './features/bar.ts';
import { isAcrossHole } from './holes.ts';
import type { SeriesEvent } from './partition.ts';
import { advance, positionText, START, type Position } from './position.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';

/** The rows that a fold of the final candles from scratch gives. */
function expectedRows(
  rules: CompiledRuleSet,
  events: readonly SeriesEvent[],
): Record<string, string | null> {
  const rows: Record<string, string | null> = {};
  for (const series of STREAM_SERIES) {
    const evaluator = new Evaluator(rules);
    const anchor = finalAnchor(events, series);
    const holes = finalHoles(events, series);
    for (const { key, openTime, values } of finalCandles(events, series)) {
      const isAcross = isAcrossHole(holes, series.interval, evaluator.openTime, openTime);
      const evaluation =
        openTime >= anchor
          ? evaluator.add(barOf({ ...values!, openTime }), isAcross)
          : unanchored(rules);
      rows[`${key} ${openTime}`] = sayingOf(evaluation);
    }
  }
  return rows;
}

function check(analyzer: ModelledAnalyzer, changes: readonly SeriesEvent[]): void {
  expect(analyzer.told.standing()).toEqual(decisionsOf(expectedRows(analyzer.rules, changes)));
  const current = [...analyzer.rows].filter(([, { saying }]) => saying !== null);
  expect(Object.fromEntries(current.map(([place, { saying }]) => [place, saying]))).toEqual(
    expectedRows(analyzer.rules, changes),
  );
  for (const series of STREAM_SERIES) {
    const stored = analyzer.ledger.current(series);
    const final = finalCandles(changes, series);
    expect(stored.map(({ openTime, values }) => [openTime, values])).toEqual(
      final.map(({ openTime, values }) => [openTime, values]),
    );
    const anchor = finalAnchor(changes, series);
    const last = final.findLast(({ openTime }) => openTime >= anchor);
    if (last !== undefined) {
      const { saying, candleVersion } = analyzer.rows.get(`${last.key} ${last.openTime}`) ?? {};
      const { openTime, values } = last;
      expect(analyzer.latest.get(last.key)).toEqual({ openTime, values, saying, candleVersion });
    }
    // Reconciliation holds the two tables together by this version.
    for (const { openTime, version } of stored) {
      const row = analyzer.rows.get(`${seriesKey(series)} ${openTime}`);
      expect(row?.candleVersion).toBe(version);
    }
  }
}

/** Cuts `items` into pieces of the given sizes, over and over. */
function* cut<T>(items: readonly T[], sizes: readonly number[]): Generator<T[]> {
  for (let from = 0, piece = 0; from < items.length; piece += 1) {
    const size = sizes[piece % sizes.length]!;
    yield items.slice(from, from + size);
    from += size;
  }
}

/** A table's life: its rows at the initial snapshot, and what happens to it then. */
const anyLife = fc.record({
  rows: fc.nat({ max: 8 }),
  operations: fc.array(anyOperation, { minLength: 1, maxLength: 40 }),
});

function streamOf(life: { rows: number; operations: readonly TableOperation[] }): SeriesEvent[] {
  const stream = new CandleStream(life.rows, 2);
  for (const operation of life.operations) stream.apply(operation);
  return asTopic(stream.events);
}

/** Where the rows of the newest initial snapshot end. */
function lastStart(changes: readonly SeriesEvent[]): number {
  return changes.findLastIndex(({ origin }) => origin === 'initial_snapshot') + 1;
}

/** How far each series is taken once all of `changes` are. */
function placesAfter(changes: readonly SeriesEvent[]): ReadonlyMap<string, string> {
  const positions = new Map<string, Position>();
  for (const change of changes) {
    const position = positions.get(change.key) ?? START;
    if ('anchor' in change) positions.set(change.key, { ...position, anchor: change.version });
    else if ('gap' in change) positions.set(change.key, { ...position, gap: change.version });
    else if (change.values?.isClosed !== false)
      positions.set(change.key, advance(position, change));
  }
  return new Map([...positions].map(([key, position]) => [key, positionText(position)]));
}

/** The changes at the offsets that they have when a topic holds them in this order. */
function asTopic(changes: readonly SeriesEvent[]): SeriesEvent[] {
  return changes.map((change, offset) => ({ ...change, offset: String(offset) }));
}

const anyCuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 10 });
const RULES = { trial: TRIAL_RULES, short: SHORT_RULES };
const anyRules = fc.constantFrom('trial' as const, 'short' as const);
/** WICK_RUNS and WICK_SEED are for many more runs than the suite has, and for others. */
const RUNS = {
  numRuns: Number(process.env['WICK_RUNS'] ?? 250),
  seed: Number(process.env['WICK_SEED'] ?? 20_250_601),
};

describe('whatever a table does, the newest rows are those of its final candles', () => {
  test('with batches cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(anyRules, anyLife, anyCuts, async (rules, life, cuts) => {
        const changes = streamOf(life);
        const analyzer = new ModelledAnalyzer(RULES[rules]);
        for (const batch of cut(changes, cuts)) await analyzer.take(batch);
        check(analyzer, changes);
      }),
      RUNS,
    );
  });

  test('with everything from some place on delivered again, now and then', async () => {
    const rewinds = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(anyRules, anyLife, anyCuts, rewinds, async (rules, life, cuts, back) => {
        const changes = streamOf(life);
        /** Indices of what is delivered, in that order. */
        const order: number[] = [];
        let end = 0;
        for (const steps of back) {
          // A connector that begins anew with a snapshot never sends what was before it again.
          const from = Math.max(lastStart(changes.slice(0, end)), end - steps);
          end = Math.min(changes.length, end + 10);
          for (let index = from; index < end; index += 1) order.push(index);
        }
        for (; end < changes.length; end += 1) order.push(end);
        const analyzer = new ModelledAnalyzer(RULES[rules]);
        let taken = 0;
        // A batch may hold the end of one delivery and the beginning of the next.
        for (const batch of cut(asTopic(order.map((index) => changes[index]!)), cuts)) {
          await analyzer.take(batch);
          for (const { offset } of batch) taken = Math.max(taken, order[Number(offset)]! + 1);
          expect(analyzer.places()).toEqual(placesAfter(changes.slice(0, taken)));
        }
        check(analyzer, changes);
      }),
      RUNS,
    );
  });

  test('with the process ending anywhere and going on from an older checkpoint', async () => {
    const plan = fc.array(
      fc.constantFrom('go on', 'checkpoint', 'crash', 'crash and rebuild', 'crash and begin anew'),
      { minLength: 1, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(anyRules, anyLife, anyCuts, plan, async (rules, life, cuts, steps) => {
        const changes = streamOf(life);
        const analyzer = new ModelledAnalyzer(RULES[rules]);
        const empty = { at: 0, states: new Map<string, string>() as ReadonlyMap<string, string> };
        let saved = empty;
        let at = 0;
        for (const [index, step] of [...steps, 'go on'].entries()) {
          if (step === 'checkpoint') saved = { at, states: analyzer.checkpoint() };
          if (step === 'crash and rebuild') saved = { at, states: await analyzer.rebuilt() };
          if (step === 'crash and begin anew') saved = empty;
          if (step.startsWith('crash')) {
            analyzer.restart(saved.states);
            at = saved.at;
          }
          const size = index === steps.length ? changes.length : cuts[index % cuts.length]!;
          const until = Math.min(changes.length, at + size);
          await analyzer.take(changes.slice(at, until));
          at = until;
        }
        check(analyzer, changes);
      }),
      RUNS,
    );
  });
});

test('what was applied changes nothing when it comes again, however much of it', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyRules,
      anyLife,
      anyCuts,
      fc.nat({ max: 60 }),
      async (rules, life, cuts, upTo) => {
        const changes = streamOf(life);
        const analyzer = new ModelledAnalyzer(RULES[rules]);
        for (const batch of cut(changes, cuts)) await analyzer.take(batch);
        const before = { emitted: analyzer.emitted, states: analyzer.checkpoint() };
        for (const batch of cut(changes.slice(0, upTo), cuts)) await analyzer.take(batch);
        expect({ emitted: analyzer.emitted, states: analyzer.checkpoint() }).toEqual(before);
      },
    ),
    RUNS,
  );
});

test('saved and restored, and rebuilt from the ledger, the states are the same text', async () => {
  await fc.assert(
    fc.asyncProperty(anyRules, anyLife, anyCuts, async (rules, life, cuts) => {
      const changes = streamOf(life);
      const analyzer = new ModelledAnalyzer(RULES[rules]);
      for (const batch of cut(changes, cuts)) {
        await analyzer.take(batch);
        const states = analyzer.checkpoint();
        expect(await analyzer.rebuilt()).toEqual(states);
        analyzer.restart(states);
        expect(analyzer.checkpoint()).toEqual(states);
      }
    }),
    RUNS,
  );
});

test('a candle that still runs is emitted nowhere, and its close is', async () => {
  await fc.assert(
    fc.asyncProperty(anyRules, anyLife, anyCuts, async (rules, life, cuts) => {
      const running = streamOf(life).filter(
        (event) => 'values' in event && event.values?.isClosed === false,
      );
      const analyzer = new ModelledAnalyzer(RULES[rules]);
      for (const batch of cut(running, cuts)) await analyzer.take(batch);
      expect([analyzer.emitted, analyzer.partition.dirty.size]).toEqual([0, 0]);
    }),
    RUNS,
  );
  const changes = streamOf({
    rows: 0,
    operations: [
      { kind: 'open', series: 0, pick: 0, value: 1 },
      { kind: 'open', series: 0, pick: 0, value: 2 },
      { kind: 'close', series: 0, pick: 0, value: 3 },
    ],
  });
  const analyzer = new ModelledAnalyzer(TRIAL_RULES);
  for (const [index, change] of changes.entries()) {
    await analyzer.take([change]);
    expect(analyzer.rows.size).toBe(index === changes.length - 1 ? 1 : 0);
  }
  check(analyzer, changes);
});
