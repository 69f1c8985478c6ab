import { describe, expect, test } from 'vitest';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { ChangeOrigin } from '#core/contracts/change-place.ts';
import { seriesKey } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { parseVersion } from '../connectors/index.ts';
import { testCandle, TEST_OPEN_TIME, TEST_SERIES } from '../tests/support/candles.ts';
import { MemoryLedger } from '../tests/support/memory-ledger.ts';
import { TRIAL_RULES } from '../tests/support/trial-rules.ts';
import { placedAfter, snapshotOf } from './overlap.ts';
import { PartitionState } from './partition.ts';
import type { DerivedRow } from './series-state.ts';

const SNAPSHOT = 42_802_992n;
let offset = 0;

/** A change of the candle of `minute` as the decoder would give it. */
function change(
  sequence: string,
  { origin = 'stream', minute = 0 }: { origin?: ChangeOrigin; minute?: number } = {},
): CandleChange {
  const openTime = epochMs(TEST_OPEN_TIME + minute * 60_000);
  return {
    series: TEST_SERIES,
    key: seriesKey(TEST_SERIES),
    openTime,
    values: testCandle(),
    revision: 0,
    observedAt: openTime,
    source: 'rest',
    ingestRunId: null,
    rawId: null,
    op: origin === 'stream' ? 'u' : 'r',
    origin,
    version: parseVersion(sequence, origin),
    lsn: null,
    txId: null,
    committedAt: openTime,
    partition: 0,
    offset: String(offset++),
  };
}

const snapshotRow = (minute: number, lsn = SNAPSHOT): CandleChange =>
  change(`[null,"${lsn}"]`, { origin: 'initial_snapshot', minute });

describe('the place of a change', () => {
  const row = snapshotRow(0);
  const snapshot = snapshotOf(row, row.offset)!;
  const placed = (own: CandleChange): CandleChange => placedAfter(snapshot, row.version, own);

  test('of an overlapping transaction lies above its snapshot, below what follows, in order', () => {
    const places = ['[null,"42802240"]', '[null,"42802552"]', `[null,"${SNAPSHOT}"]`]
      .map((sequence) => placed(change(sequence)).version)
      .concat(change('[null,"42803048"]').version, change('["42803100","42803000"]').version);
    const all = [row.version, ...places];
    expect(all).toEqual(all.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(all).size).toBe(6);
  });

  test.each([
    ['that knows the commit before it', change('["42802000","42802240"]')],
    ['that began after the snapshot', change('[null,"42803048"]')],
    ['of the snapshot', snapshotRow(0)],
    ['of a chunk', change('["42802240","42802240"]', { origin: 'incremental_snapshot' })],
    ['that was sent before the snapshot', { ...change('[null,"42802240"]'), offset: row.offset }],
  ])('%s is its own', (_what, own) => {
    expect(placed(own)).toBe(own);
  });

  test('is its own once the series was taken past the snapshot', () => {
    const own = change('[null,"42802240"]');
    expect(placedAfter(snapshot, change('["42803100","42803000"]').version, own)).toBe(own);
  });

  test('tells its snapshot, and nothing else tells one', () => {
    const overlapping = placed(change('[null,"42802240"]'));
    expect(snapshotOf(overlapping, '7')).toEqual({ lsn: SNAPSHOT, offset: '7' });
    expect(snapshotOf(change('[null,"42803048"]'), '7')).toBeNull();
    expect(snapshotOf({ version: -1n }, '7')).toBeNull();
  });
});

describe('a partition', () => {
  /** Versions of the rows that each batch leaves, by minute. */
  async function run(batches: readonly (readonly CandleChange[])[], restarts = false) {
    const written: string[][] = [];
    const ledger = new MemoryLedger();
    let rows: DerivedRow[] = [];
    const create = (): PartitionState =>
      new PartitionState({
        rules: TRIAL_RULES,
        history: ledger,
        output: {
          change: (applied) => ledger.write(applied),
          anchor: (moved) => ledger.writeAnchor(moved),
          gap: (changed) => void ledger.writeGap(changed),
          derived: (_key, _series, row) => void rows.push(row),
          waypoint: (...waypoint) => ledger.writeWaypoint(...waypoint),
          newest: () => undefined,
        },
      });
    let partition = create();
    for (const batch of batches) {
      rows = [];
      await partition.apply(batch);
      written.push(
        rows.map((row) => `${(row.openTime - TEST_OPEN_TIME) / 60_000}:${row.candleVersion}`),
      );
      if (!restarts) continue;
      const states = partition.series;
      partition = create();
      for (const [key, state] of states) partition.series.set(key, state);
      partition.takenBelow = BigInt(batch.at(-1)!.offset) + 1n;
    }
    return written;
  }

  const table = [snapshotRow(0), snapshotRow(1)];
  const late = [
    change('[null,"42802240"]', { minute: 2 }),
    change(`[null,"${SNAPSHOT}"]`, { minute: 3 }),
    change('[null,"42803048"]', { minute: 4 }),
  ];
  const next = [change('["42803100","42803200"]', { minute: 5 })];

  test.each([false, true])('takes an overlapping transaction (restarted: %s)', async (restarts) => {
    const written = await run([table, late, next], restarts);
    expect(written.map((rows) => rows.map((row) => row.split(':')[0]))).toEqual([
      ['0', '1'],
      ['2', '3', '4'],
      ['5'],
    ]);
  });

  test('takes it once', async () => {
    const written = await run([table, late.slice(0, 1), late, late, next, late]);
    expect(written.map((rows) => rows.length)).toEqual([2, 1, 2, 0, 1, 0]);
  });

  test('takes it at the same place however the batches are cut', async () => {
    const whole = (await run([[...table, ...late, ...next]])).flat();
    const cut = (await run([...table, ...late, ...next].map((one) => [one]))).flat();
    expect(cut).toEqual(whole);
  });

  test('does not take it again when everything is delivered again after a second snapshot', async () => {
    const second = [0, 1, 2, 3, 4, 5].map((minute) => snapshotRow(minute, SNAPSHOT + 5_000n));
    const again = [...late, ...next, ...second];
    const written = await run([table, late, next, second, again, [...table, ...again]]);
    expect(written.slice(-2)).toEqual([[], []]);
    const restarted = await run([table, late, next, second], true);
    expect(restarted.at(-1)).toEqual([]);
  });
});
