/**
 * Which rows a gap taints, and which rows a change of a gap writes again: these and no others. The rules
 * are warm after four candles, so four candles behind a hole are tainted.
 */
import { expect, test } from 'vitest';
import { CandleStream, STREAM_SERIES } from '../tests/support/candle-stream.ts';
import { MemoryLedger } from '../tests/support/memory-ledger.ts';
import { TRIAL_RULES } from '../tests/support/trial-rules.ts';
import { PartitionState, type SeriesEvent } from './partition.ts';
import type { DerivedRow } from './series-state.ts';

const MINUTE_MS = 60_000;
const SERIES = STREAM_SERIES[0]!;
/** Candles before the hole and behind it; long enough that the last ones do not feel it. */
const BEFORE = 8;
const BEHIND = 24;
const HOLE = 2;

class Taken {
  readonly #ledger = new MemoryLedger();
  readonly #partition: PartitionState;
  /** Rows of the last batch. */
  #rows: DerivedRow[] = [];
  readonly #current = new Map<number, DerivedRow>();
  readonly #start: number;

  constructor(first: number) {
    this.#start = first;
    this.#partition = new PartitionState({
      rules: TRIAL_RULES,
      history: this.#ledger,
      waypointCandles: 4,
      output: {
        change: (change) => this.#ledger.write(change),
        anchor: (change) => this.#ledger.writeAnchor(change),
        gap: (change) => void this.#ledger.writeGap(change),
        waypoint: (...waypoint) => this.#ledger.writeWaypoint(...waypoint),
        derived: (_key, _series, row) => {
          this.#rows.push(row);
          this.#current.set(row.openTime, row);
        },
        newest: () => undefined,
      },
    });
  }

  /** @returns minutes of the rows that were written. */
  async batch(events: readonly SeriesEvent[]): Promise<number[]> {
    this.#rows = [];
    await this.#partition.apply(events);
    return this.#rows.map(({ openTime }) => (openTime - this.#start) / MINUTE_MS);
  }

  /** Minutes of the rows with a status. */
  with(status: string): number[] {
    return [...this.#current.values()]
      .filter(({ evaluation }) => evaluation?.status === status)
      .map(({ openTime }) => (openTime - this.#start) / MINUTE_MS);
  }
}

/** A series with a hole of two minutes after eight candles, nobody knowing of it yet. */
function holed(): { stream: CandleStream; taken: Taken; first: number } {
  const stream = new CandleStream(0);
  const next = { kind: 'next', series: 0, pick: 0, value: 0 } as const;
  for (let at = 0; at < BEFORE; at += 1) stream.apply({ ...next, value: at });
  const first = stream.changes[0]!.openTime;
  // `gap` leaves 1 + 60 · pick minutes out; two are left out by a candle that is deleted.
  stream.apply({ ...next, kind: 'gap', value: 3 });
  stream.apply({ ...next, value: 4 });
  stream.apply({ kind: 'delete', series: 0, pick: BEFORE, value: 0 });
  for (let at = 1; at < BEHIND; at += 1) stream.apply({ ...next, value: at });
  return { stream, taken: new Taken(first), first };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

test('a gap that becomes known taints a warm-up of candles behind it, and its repair clears them', async () => {
  const { stream, taken } = holed();
  const before = stream.events.length;
  await taken.batch(stream.events);
  expect(taken.with('tainted')).toEqual([]);

  const newest = stream.changes.at(-1)!.openTime;
  const hole = stream.changes[0]!.openTime + BEFORE * MINUTE_MS;
  const pick = (newest - hole) / MINUTE_MS + 5;
  stream.apply({ kind: 'hole', series: 0, pick, value: 1 });
  const told = stream.events.slice(before);
  expect(told).toMatchObject([{ from: hole, gap: { to: hole + HOLE * MINUTE_MS } }]);
  const behind = BEFORE + HOLE;
  const written = await taken.batch(told);
  expect(taken.with('tainted')).toEqual(range(behind, behind + 4));
  // To where the state is the stored one, and not a row before the hole.
  expect(written[0]).toBe(behind);
  expect(written.length).toBeLessThan(BEHIND - 4);

  const known = stream.events.length;
  stream.apply({ kind: 'resolve', series: 0, pick: 0, value: 1 });
  expect(stream.events.at(-1)).toMatchObject({ gap: { cause: 'venue_empty' } });
  expect(await taken.batch(stream.events.slice(known))).toEqual(written);
  expect(taken.with('tainted')).toEqual([]);
});

test('a gap before the anchor writes no row again, one across it only what counts', async () => {
  const { stream, taken } = holed();
  stream.apply({ kind: 'anchor', series: 0, pick: 10, value: 0 });
  await taken.batch(stream.events);
  const anchor = stream.events.findLast((event) => 'anchor' in event)!;
  expect(anchor).toMatchObject({ anchor: stream.changes.at(-1)!.openTime - 5 * MINUTE_MS });
  const before = stream.events.length;
  const hole = stream.changes[0]!.openTime + BEFORE * MINUTE_MS;
  const pick = (stream.changes.at(-1)!.openTime - hole) / MINUTE_MS + 5;
  stream.apply({ kind: 'hole', series: 0, pick, value: 1 });
  expect(await taken.batch(stream.events.slice(before))).toEqual([]);
});

test('a gap that is known before the next candle costs no folding, one told again no row', async () => {
  const stream = new CandleStream(0);
  for (let at = 0; at < BEFORE; at += 1) {
    stream.apply({ kind: 'next', series: 0, pick: 0, value: at });
  }
  const taken = new Taken(stream.changes[0]!.openTime);
  await taken.batch(stream.events);
  const before = stream.events.length;
  stream.apply({ kind: 'hole', series: 0, pick: 4, value: 4 });
  expect(await taken.batch(stream.events.slice(before))).toEqual([]);
  const known = stream.events.length;
  stream.apply({ kind: 'gap', series: 0, pick: 0, value: 1 });
  expect(await taken.batch(stream.events.slice(known))).toEqual([BEFORE + 1]);
  expect(taken.with('tainted')).toEqual([BEFORE + 1]);
  expect(await taken.batch(stream.events.slice(before, known))).toEqual([]);
  expect(stream.events[known]).toMatchObject({ series: SERIES });
});
