/**
 * Rows in quarantine that wait, for people and programs, newest first. In: a choice. Out: the rows,
 * each with its reason and the text that the venue sent.
 */
import type { MarketType, Series } from '#core/candle.ts';
import type { Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { SeriesChoice } from '../gaps/list-gaps.ts';

export interface QuarantineChoice extends SeriesChoice {
  readonly reason?: string | undefined;
  /** Rows that were parked at or after it, our clock. */
  readonly since?: EpochMs | undefined;
  readonly limit: number;
}

export interface QuarantinedCandle {
  readonly id: string;
  readonly series: Series;
  /** Null where the row's time cannot be read. */
  readonly openTime: EpochMs | null;
  /** What it was to become. */
  readonly kind: 'candle' | 'funding';
  readonly reason: string;
  readonly detail: string;
  readonly rawRow: string;
  /** market.raw_payloads.id; null where none is kept. */
  readonly rawId: string | null;
  readonly createdAt: EpochMs;
}

const LIST = `
  select id, exchange, market_type, symbol, interval, open_time, kind, reason, detail, raw_row,
         raw_id, created_at
  from market.quarantine
  where redriven_at is null
    and ($1::text is null or exchange = $1::text)
    and ($2::text is null or upper(symbol) = upper($2::text))
    and ($3::text is null or interval = $3::text)
    and ($4::text is null or reason = $4::text)
    and ($5::timestamptz is null or created_at >= $5::timestamptz)
  order by created_at desc, id desc
  limit $6::integer`;

export async function listQuarantine(
  pool: Pool,
  choice: QuarantineChoice,
): Promise<QuarantinedCandle[]> {
  const found = await pool.query<{
    id: string;
    exchange: string;
    market_type: MarketType;
    symbol: string;
    interval: Interval;
    open_time: EpochMs | null;
    kind: 'candle' | 'funding';
    reason: string;
    detail: string;
    raw_row: string;
    raw_id: string | null;
    created_at: EpochMs;
  }>(LIST, [
    choice.exchange ?? null,
    choice.symbol ?? null,
    choice.interval ?? null,
    choice.reason ?? null,
    choice.since === undefined ? null : new Date(choice.since).toISOString(),
    choice.limit,
  ]);
  return found.rows.map((row) => ({
    id: row.id,
    series: {
      exchange: row.exchange,
      marketType: row.market_type,
      symbol: row.symbol,
      interval: row.interval,
    },
    openTime: row.open_time,
    kind: row.kind,
    reason: row.reason,
    detail: row.detail,
    rawRow: row.raw_row,
    rawId: row.raw_id,
    createdAt: row.created_at,
  }));
}
