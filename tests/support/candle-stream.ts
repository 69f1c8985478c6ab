/**
 * A small world of candles: rows of a table, and the change stream that leaves it the way Debezium's
 * does. In: operations as data. Out: the stream in commit order. Versions behave as measured: shared
 * by the rows of a snapshot chunk, of a COPY and by both halves of a key change, else rising.
 */
import fc from 'fast-check';
import { seriesKey, type CandleValues, type Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { ChangeOrigin, ChangePlace } from '#core/contracts/change-place.ts';
import { decimal } from '#core/decimal.ts';
import { GAP_CAUSES, type Gap, type GapCause } from '#core/gap.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { SeriesEvent } from '../../analyzer/partition.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from './candles.ts';

const MINUTE_MS = 60_000;
/** Rows of one chunk of an incremental snapshot. */
const CHUNK_ROWS = 3;
const LSN_BITS = 64n;

export const STREAM_SERIES: readonly Series[] = [
  TEST_SERIES,
  { ...TEST_SERIES, symbol: 'ETH/USDT' },
];

/** What can happen to the table. `pick` chooses a row, `value` the numbers. */
export interface TableOperation {
  readonly kind:
    | 'next'
    | 'gap'
    | 'open'
    | 'close'
    | 'late'
    | 'revise'
    | 'revise_newest'
    | 'touch'
    | 'delete'
    | 'delete_newest'
    | 'skip'
    | 'fill'
    | 'overleap'
    | 'move'
    | 'copy'
    | 'unseen'
    | 'snapshot'
    | 'second_start'
    | 'anchor'
    | 'no_anchor'
    | 'hole'
    | 'resolve'
    | 'forget_hole';
  readonly series: number;
  readonly pick: number;
  readonly value: number;
}

interface Row {
  readonly values: CandleValues;
  readonly revision: number;
  readonly observedAt: EpochMs;
}

/** Mostly closing candles, and everything else that happens to a series. */
export const anyOperation: fc.Arbitrary<TableOperation> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('next' as const) },
    // Together they leave a waypoint behind that nothing passes any more, and then fold from it.
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        ...(['delete_newest', 'revise_newest', 'skip', 'fill', 'overleap', 'overleap'] as const),
      ),
    },
    {
      weight: 10,
      arbitrary: fc.constantFrom(
        ...(['gap', 'open', 'close', 'late', 'revise', 'revise_newest'] as const),
        ...(['touch', 'delete', 'move', 'copy', 'unseen', 'snapshot'] as const),
        ...(['second_start', 'anchor', 'anchor', 'no_anchor'] as const),
        ...(['hole', 'hole', 'resolve', 'forget_hole'] as const),
      ),
    },
  ),
  series: fc.nat({ max: STREAM_SERIES.length - 1 }),
  pick: fc.nat({ max: 60 }),
  value: fc.nat({ max: 40 }),
});

export class CandleStream {
  /** Everything in commit order. */
  readonly events: SeriesEvent[] = [];
  readonly #tables = STREAM_SERIES.map(() => new Map<number, Row>());
  readonly #anchors: (EpochMs | null)[] = STREAM_SERIES.map(() => null);
  readonly #gaps = STREAM_SERIES.map(() => new Map<number, Gap>());
  #commit = 1000n;
  #clock = TEST_OPEN_TIME + 86_400_000;

  /**
   * @param rows of each series that the table holds when its initial snapshot is taken.
   * @param gapEvery minutes of which one is a known gap then.
   */
  constructor(rows: number, gapEvery = Infinity) {
    for (const [series, table] of this.#tables.entries()) {
      for (let index = gapEvery; index < rows; index += gapEvery) {
        const from = TEST_OPEN_TIME + index * MINUTE_MS;
        this.#gaps[series]!.set(from, gapOf(from, from + MINUTE_MS, 'missing'));
      }
      this.#snapshotGaps(series, 500n << LSN_BITS);
      for (let index = 0; index < rows; index += 1) {
        if (this.#gaps[series]!.has(TEST_OPEN_TIME + index * MINUTE_MS)) continue;
        const openTime = TEST_OPEN_TIME + index * MINUTE_MS;
        table.set(openTime, this.#row(index * 7 + series, true));
        this.#emit(series, openTime, 'r', 'initial_snapshot', 500n << LSN_BITS);
      }
    }
  }

  /** Every change of a candle in commit order; unclosed ones are among them. */
  get changes(): CandleChange[] {
    return this.events.filter((event): event is CandleChange => 'values' in event);
  }

  apply({ kind, series, pick, value }: TableOperation): void {
    const table = this.#tables[series]!;
    const times = [...table.keys()].sort((a, b) => a - b);
    const newest = times.at(-1) ?? TEST_OPEN_TIME;
    const picked = times[pick % Math.max(times.length, 1)];
    if (kind === 'snapshot') this.#snapshot(series, times);
    else if (kind === 'second_start') this.#startAgain(pick % 2 === 0);
    else if (kind === 'anchor') this.#anchor(series, newest - (pick - 5) * MINUTE_MS);
    else if (kind === 'no_anchor') this.#anchor(series, null);
    else if (kind === 'hole') this.#hole(series, newest - (pick - 5) * MINUTE_MS, value);
    else if (kind === 'resolve') this.#resolve(series, pick, value);
    else if (kind === 'forget_hole') this.#forgetHole(series, pick);
    else if (kind === 'copy') this.#copy(series, newest + (pick % 7) * MINUTE_MS, value);
    else if (kind === 'next') this.#write(series, newest + MINUTE_MS, value, true);
    else if (kind === 'gap') this.#write(series, newest + (2 + pick * 60) * MINUTE_MS, value, true);
    else if (kind === 'skip')
      this.#write(series, newest + (2 + (pick % 9)) * MINUTE_MS, value, true);
    else if (kind === 'open') this.#write(series, newest + MINUTE_MS, value, false);
    else if (kind === 'late') this.#write(series, newest - (pick % 20) * MINUTE_MS, value, true);
    else if (picked === undefined) return;
    else if (kind === 'fill')
      this.#write(series, newest - (1 + (value % 9)) * MINUTE_MS, value + pick, true);
    else if (kind === 'overleap') this.#overleap(series, times, value);
    else if (kind === 'delete_newest') this.#delete(series, newest, this.#next());
    else if (kind === 'revise_newest') this.#write(series, newest, value, true);
    else if (kind === 'close' || kind === 'revise') this.#write(series, picked, value, true);
    else if (kind === 'touch') this.#emit(series, picked, 'u', 'stream', this.#next());
    else if (kind === 'delete') this.#delete(series, picked, this.#next());
    else if (kind === 'move') this.#move(series, picked, newest + (value - 20) * MINUTE_MS);
    // The table changes behind the stream's back; a snapshot will tell.
    else table.set(picked + (value % 3) * MINUTE_MS, this.#row(value, true));
  }

  #write(series: number, openTime: number, value: number, isClosed: boolean): void {
    const table = this.#tables[series]!;
    const before = table.get(openTime);
    if (before?.values.isClosed === true && !isClosed) return;
    const revision = before?.values.isClosed === true ? before.revision + 1 : 0;
    table.set(openTime, { ...this.#row(value, isClosed), revision });
    this.#emit(series, openTime, before === undefined ? 'c' : 'u', 'stream', this.#next());
  }

  /**
   * The newest candle goes, the one before it is revised, the next one leaves a hole where the newest
   * was, and the hole is filled: what was stored at the place of the first holds no more by then.
   */
  #overleap(series: number, times: readonly number[], value: number): void {
    const [before, newest] = times.slice(-2);
    if (before === undefined || newest === undefined) return;
    this.#delete(series, newest, this.#next());
    this.#write(series, before, value + 1, true);
    this.#write(series, newest + (2 + (value % 7)) * MINUTE_MS, value + 2, true);
    this.#write(series, newest + (value % 2) * MINUTE_MS, value + 3, true);
  }

  #delete(series: number, openTime: number, version: bigint): void {
    this.#emit(series, openTime, 'd', 'stream', version);
    this.#tables[series]!.delete(openTime);
  }

  /** A key change inside one series: delete and create, with one version. */
  #move(series: number, from: number, to: number): void {
    const table = this.#tables[series]!;
    const row = table.get(from);
    if (row === undefined || table.has(to)) return;
    const version = this.#next();
    this.#delete(series, from, version);
    table.set(to, row);
    this.#emit(series, to, 'c', 'stream', version);
  }

  /** COPY of rows that are not there yet, the newest first: one record, one version. */
  #copy(series: number, newest: number, value: number): void {
    const table = this.#tables[series]!;
    const version = this.#next();
    for (let back = 0; back < 4; back += 1) {
      const openTime = newest - back * MINUTE_MS;
      if (table.has(openTime)) continue;
      table.set(openTime, this.#row(value + back, true));
      this.#emit(series, openTime, 'c', 'stream', version);
    }
  }

  #snapshot(series: number, times: readonly number[]): void {
    for (const [index, openTime] of times.entries()) {
      if (index % CHUNK_ROWS === 0) this.#next();
      const version = (this.#commit << LSN_BITS) + this.#commit;
      this.#emit(series, openTime, 'r', 'incremental_snapshot', version);
    }
  }

  /** The slot was lost: an initial snapshot of everything, above all that was streamed. */
  #startAgain(anchorsFirst: boolean): void {
    this.#next();
    if (anchorsFirst) this.#snapshotLedger();
    for (const [series, table] of this.#tables.entries()) {
      for (const openTime of [...table.keys()].sort((a, b) => a - b)) {
        this.#emit(series, openTime, 'r', 'initial_snapshot', this.#commit << LSN_BITS);
      }
    }
    if (!anchorsFirst) this.#snapshotLedger();
  }

  #anchor(series: number, at: number | null): void {
    const known = this.#anchors[series]!;
    if (at === null && known === null) return;
    const op = at === null ? 'd' : known === null ? 'c' : 'u';
    this.#anchors[series] = at === null ? null : epochMs(at);
    const place = this.#placeOf(series, op, 'stream', this.#next());
    this.events.push({ ...place, anchor: this.#anchors[series]!, movedAt: place.committedAt });
  }

  /** Gaps of a series do not overlap: one that would is told of in the place of another. */
  #hole(series: number, from: number, value: number): void {
    const to = from + (1 + (value % 4)) * MINUTE_MS;
    const known = [...this.#gaps[series]!.values()].find((gap) => gap.from < to && gap.to > from);
    if (known !== undefined) this.#tellGap(series, 'u', { ...known, cause: 'missing' });
    else this.#tellGap(series, 'c', gapOf(from, to, value % 3 === 0 ? 'synthetic' : 'missing'));
  }

  #resolve(series: number, pick: number, value: number): void {
    const gap = this.#pickedGap(series, pick);
    const cause = GAP_CAUSES[value % GAP_CAUSES.length]!;
    if (gap !== undefined) this.#tellGap(series, 'u', { ...gap, cause });
  }

  #forgetHole(series: number, pick: number): void {
    const gap = this.#pickedGap(series, pick);
    if (gap !== undefined) this.#tellGap(series, 'd', gap);
  }

  #pickedGap(series: number, pick: number): Gap | undefined {
    const gaps = [...this.#gaps[series]!.values()];
    return gaps[pick % Math.max(gaps.length, 1)];
  }

  #tellGap(series: number, op: 'c' | 'u' | 'd', gap: Gap): void {
    const gaps = this.#gaps[series]!;
    if (op === 'd') gaps.delete(gap.from);
    else gaps.set(gap.from, gap);
    const place = this.#placeOf(series, op, 'stream', this.#next());
    this.events.push({ ...place, from: gap.from, gap: op === 'd' ? null : gap });
  }

  #snapshotLedger(): void {
    for (const series of this.#gaps.keys()) this.#snapshotGaps(series, this.#commit << LSN_BITS);
    for (const [series, anchor] of this.#anchors.entries()) {
      if (anchor === null) continue;
      const place = this.#placeOf(series, 'r', 'initial_snapshot', this.#commit << LSN_BITS);
      this.events.push({ ...place, anchor, movedAt: place.committedAt });
    }
  }

  #snapshotGaps(series: number, version: bigint): void {
    for (const gap of this.#gaps[series]!.values()) {
      const place = this.#placeOf(series, 'r', 'initial_snapshot', version);
      this.events.push({ ...place, from: gap.from, gap });
    }
  }

  #next(): bigint {
    this.#commit += 8n;
    return ((this.#commit - 8n) << LSN_BITS) + this.#commit;
  }

  #row(value: number, isClosed: boolean): Row {
    this.#clock += 1000;
    const close = 100 + (value % 11) * 1.5;
    return {
      values: {
        open: decimal('101'),
        high: decimal(String(close + 3)),
        low: decimal(String(Math.min(close, 101) - 1)),
        close: decimal(String(close)),
        volume: value % 5 === 0 ? null : decimal(`${value}.25`),
        quoteVolume: null,
        trades: value % 4 === 0 ? null : value,
        takerBuyBase: null,
        takerBuyQuote: null,
        isClosed,
      },
      revision: 0,
      observedAt: epochMs(this.#clock),
    };
  }

  #emit(
    at: number,
    openTime: number,
    op: CandleChange['op'],
    origin: ChangeOrigin,
    version: bigint,
  ): void {
    const row = this.#tables[at]!.get(openTime);
    if (row === undefined) throw new Error(`no row opens at ${openTime}`);
    this.events.push({
      ...this.#placeOf(at, op, origin, version),
      openTime: epochMs(openTime),
      values: op === 'd' ? null : row.values,
      revision: op === 'd' ? 0 : row.revision,
      observedAt: row.observedAt,
      source: op === 'd' ? '' : 'rest',
      ingestRunId: null,
      rawId: null,
    });
  }

  #placeOf(at: number, op: CandleChange['op'], origin: ChangeOrigin, version: bigint): ChangePlace {
    const series = STREAM_SERIES[at]!;
    return {
      series,
      key: seriesKey(series),
      op,
      origin,
      version,
      lsn: origin === 'incremental_snapshot' ? null : String(version % (1n << LSN_BITS)),
      txId: null,
      committedAt: epochMs(this.#clock),
      partition: 0,
      offset: '0',
    };
  }
}

function gapOf(from: number, to: number, cause: GapCause): Gap {
  return {
    from: epochMs(from),
    to: epochMs(to),
    candles: (to - from) / MINUTE_MS,
    cause,
    attempts: 0,
    emptyAnswers: 0,
    firstSeenAt: epochMs(from),
    lastCheckedAt: null,
    resolvedAt: null,
    detail: null,
    lastRunId: null,
  };
}
