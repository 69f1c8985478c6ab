/**
 * Gaps and funding payments in both stores, without Kafka between. In: rows. Out: rows in Postgres, and
 * the same in ClickHouse through the analyzer's own encoders. SYNTHETIC: no venue ever told them.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import type { FundingPayment } from '#core/contracts/ledger-change.ts';
import type { Gap } from '#core/gap.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { insertNative, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { LedgerRows } from '../../analyzer/sink/ledger-rows.ts';
import { OUTPUTS } from '../../analyzer/sink/tables.ts';

export interface TestGap extends Gap {
  readonly series: Series;
}

export interface TestPayment extends FundingPayment {
  readonly series: Series;
  readonly fundingTime: EpochMs;
  readonly ingestRunId: string | null;
  readonly rawId: string | null;
}

export interface TestLedger {
  readonly gaps: readonly TestGap[];
  readonly payments: readonly TestPayment[];
}

const iso = (time: EpochMs | null): string | null =>
  time === null ? null : new Date(time).toISOString();
const seriesOf = ({ exchange, marketType, symbol, interval }: Series): string[] => [
  exchange,
  marketType,
  symbol,
  interval,
];

export async function storeLedger(pool: Pool, { gaps, payments }: TestLedger): Promise<void> {
  for (const { series, ...gap } of gaps) {
    await pool.query(
      `insert into market.gaps values ($1, $2, $3, $4, $5::timestamptz, $6::timestamptz, $7, $8, $9,
         $10, $11::timestamptz, $12::timestamptz, $13::timestamptz, $14, $15)`,
      [
        ...seriesOf(series),
        iso(gap.from),
        iso(gap.to),
        gap.candles,
        gap.cause,
        gap.attempts,
        gap.emptyAnswers,
        iso(gap.firstSeenAt),
        iso(gap.lastCheckedAt),
        iso(gap.resolvedAt),
        gap.detail,
        gap.lastRunId,
      ],
    );
  }
  for (const { series, fundingTime, ...row } of payments) {
    await pool.query(
      `insert into market.funding_rates values ($1, $2, $3, $4, $5::timestamptz, $6, $7, $8,
         $9::timestamptz, $10, $11, $12)`,
      [
        ...seriesOf(series),
        iso(fundingTime),
        row.rate,
        row.markPrice,
        row.premium,
        iso(row.observedAt),
        row.source,
        row.ingestRunId,
        row.rawId,
      ],
    );
  }
}

export async function sinkLedger(
  client: ClickHouseClient,
  { gaps, payments }: TestLedger,
): Promise<void> {
  const rows = new LedgerRows();
  for (const { series, ...gap } of gaps) {
    rows.addGap({ ...placeOf(series), series, from: gap.from, gap });
  }
  for (const { series, fundingTime, ingestRunId, rawId, ...payment } of payments) {
    rows.addFunding({ ...placeOf(series), series, fundingTime, payment, ingestRunId, rawId });
  }
  const blocks = rows.take();
  if (blocks.gaps.length > 0) await insertNative(client, OUTPUTS.gaps, blocks.gaps);
  if (blocks.fundingRates.length > 0) {
    await insertNative(client, OUTPUTS.fundingRates, blocks.fundingRates);
  }
}

function placeOf(series: Series) {
  return {
    key: seriesKey(series),
    op: 'c',
    origin: 'stream',
    version: 1000n << 64n,
    lsn: '1',
    txId: 1,
    committedAt: epochMs(Date.UTC(2025, 5, 1)),
    partition: 0,
    offset: '0',
  } as const;
}
