/**
 * Rows of what travels with the candles: gaps, funding payments and anchors. In: their changes. Out: a
 * Native block for each table. Keyed and versioned like candles, so a row written again changes
 * nothing; a deleted one keeps its key alone.
 */
import type { Series } from '#core/candle.ts';
import type { ChangePlace } from '#core/contracts/change-place.ts';
import type { AnchorChange, FundingChange, GapChange } from '#core/contracts/ledger-change.ts';
import { decimal } from '#core/decimal.ts';
import {
  DictionaryColumn,
  encodeBlock,
  NullableColumn,
  PlainColumn,
  type NativeColumn,
} from './native-block.ts';

const TIME = "DateTime64(3, 'UTC')";
const PRICE = 'Decimal(38, 18)';

function seriesColumns() {
  return {
    exchange: new DictionaryColumn(),
    market_type: new DictionaryColumn(),
    symbol: new DictionaryColumn(),
    interval: new DictionaryColumn(),
  };
}

function versionColumns() {
  return { version: new PlainColumn('UInt128'), is_deleted: new PlainColumn('UInt8') };
}

function offsetColumns() {
  return {
    kafka_partition: new PlainColumn('UInt16'),
    kafka_offset: new PlainColumn('UInt64'),
  };
}

function gapColumns() {
  return {
    ...seriesColumns(),
    gap_from: new PlainColumn(TIME),
    gap_to: new PlainColumn(TIME),
    candles: new PlainColumn('UInt64'),
    cause: new DictionaryColumn(),
    attempts: new PlainColumn('UInt32'),
    empty_answers: new PlainColumn('UInt32'),
    first_seen_at: new PlainColumn(TIME),
    last_checked_at: new NullableColumn(TIME),
    resolved_at: new NullableColumn(TIME),
    detail: new NullableColumn('String'),
    last_run_id: new NullableColumn('Int64'),
    ...versionColumns(),
  };
}

function gapRevisionColumns() {
  return {
    ...seriesColumns(),
    gap_from: new PlainColumn(TIME),
    gap_to: new PlainColumn(TIME),
    cause: new DictionaryColumn(),
    ...versionColumns(),
    ...offsetColumns(),
  };
}

function fundingColumns() {
  return {
    ...seriesColumns(),
    funding_time: new PlainColumn(TIME),
    rate: new PlainColumn(PRICE),
    mark_price: new NullableColumn(PRICE),
    premium: new NullableColumn(PRICE),
    observed_at: new PlainColumn(TIME),
    source: new DictionaryColumn(),
    ingest_run_id: new NullableColumn('Int64'),
    raw_id: new NullableColumn('Int64'),
    ...versionColumns(),
  };
}

function anchorColumns() {
  return {
    ...seriesColumns(),
    anchor: new PlainColumn(TIME),
    moved_at: new PlainColumn(TIME),
    ...versionColumns(),
    ...offsetColumns(),
  };
}

const ZERO = decimal('0');

/** Collects rows until they are taken. */
export class LedgerRows {
  readonly #gap = gapColumns();
  readonly #gapRevision = gapRevisionColumns();
  readonly #funding = fundingColumns();
  readonly #anchor = anchorColumns();

  /** Rows in the fuller table. */
  get rows(): number {
    return Math.max(
      this.#gap.version.length,
      this.#funding.version.length,
      this.#anchor.version.length,
    );
  }

  /** The gap as it is now, and the change. */
  addGap(change: GapChange): void {
    const { series, from, gap, version } = change;
    const row = this.#gap;
    writeSeries(row, series);
    row.gap_from.next.int64(from);
    row.gap_to.next.int64(gap?.to ?? from);
    row.candles.next.uint64(BigInt(gap?.candles ?? 0));
    row.cause.string(gap?.cause ?? '');
    row.attempts.next.uint32(gap?.attempts ?? 0);
    row.empty_answers.next.uint32(gap?.emptyAnswers ?? 0);
    row.first_seen_at.next.int64(gap?.firstSeenAt ?? 0);
    row.last_checked_at.int64(gap?.lastCheckedAt ?? null);
    row.resolved_at.int64(gap?.resolvedAt ?? null);
    row.detail.string(gap?.detail ?? null);
    row.last_run_id.int64(numberOrNull(gap?.lastRunId ?? null));
    writeVersion(row, version, gap === null);

    const revision = this.#gapRevision;
    writeSeries(revision, series);
    revision.gap_from.next.int64(from);
    revision.gap_to.next.int64(gap?.to ?? from);
    revision.cause.string(gap?.cause ?? '');
    writeVersion(revision, version, gap === null);
    writeOffset(revision, change);
  }

  addFunding({ series, fundingTime, payment, ingestRunId, rawId, version }: FundingChange): void {
    const row = this.#funding;
    writeSeries(row, series);
    row.funding_time.next.int64(fundingTime);
    row.rate.next.decimal(payment?.rate ?? ZERO);
    row.mark_price.decimal(payment?.markPrice ?? null);
    row.premium.decimal(payment?.premium ?? null);
    row.observed_at.next.int64(payment?.observedAt ?? 0);
    row.source.string(payment?.source ?? '');
    row.ingest_run_id.int64(numberOrNull(ingestRunId));
    row.raw_id.int64(numberOrNull(rawId));
    writeVersion(row, version, payment === null);
  }

  addAnchor(change: AnchorChange): void {
    const { series, anchor, movedAt, version } = change;
    const row = this.#anchor;
    writeSeries(row, series);
    row.anchor.next.int64(anchor ?? 0);
    row.moved_at.next.int64(movedAt);
    writeVersion(row, version, anchor === null);
    writeOffset(row, change);
  }

  /** Hands over a block for each table, without bytes where it has no rows, and starts anew. */
  take(): {
    readonly gaps: Buffer;
    readonly gapRevisions: Buffer;
    readonly fundingRates: Buffer;
    readonly anchors: Buffer;
  } {
    const blocks = {
      gaps: encodeBlock(this.#gap),
      gapRevisions: encodeBlock(this.#gapRevision),
      fundingRates: encodeBlock(this.#funding),
      anchors: encodeBlock(this.#anchor),
    };
    if (this.rows === 0) return blocks;
    for (const part of [this.#gap, this.#gapRevision, this.#funding, this.#anchor]) {
      for (const column of Object.values<NativeColumn>(part)) column.clear();
    }
    return blocks;
  }
}

function writeSeries(columns: ReturnType<typeof seriesColumns>, series: Series): void {
  columns.exchange.string(series.exchange);
  columns.market_type.string(series.marketType);
  columns.symbol.string(series.symbol);
  columns.interval.string(series.interval);
}

function writeVersion(
  columns: ReturnType<typeof versionColumns>,
  version: bigint,
  isDeleted: boolean,
): void {
  columns.version.next.uint128(version);
  columns.is_deleted.next.uint8(isDeleted ? 1 : 0);
}

function writeOffset(
  columns: ReturnType<typeof offsetColumns>,
  { partition, offset }: Pick<ChangePlace, 'partition' | 'offset'>,
): void {
  columns.kafka_partition.next.uint16(partition);
  columns.kafka_offset.next.uint64(BigInt(offset));
}

function numberOrNull(id: string | null): number | null {
  return id === null ? null : Number(id);
}
