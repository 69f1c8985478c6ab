/**
 * Keeps what the sentinel found. In: findings. Out: how many are new; a candle's first finding stays.
 * What a stream told once cannot be asked again, so its values are kept as they came.
 */
import type { CandleValues, Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

export type StreamVerdict = 'differs' | 'not_streamed' | 'absent_at_venue';

export interface StreamFinding {
  readonly series: Series;
  readonly openTime: EpochMs;
  readonly verdict: StreamVerdict;
  /** What the stream told last; null where it told nothing. */
  readonly streamed: CandleValues | null;
  /** What the venue answered; null where it has none. */
  readonly answered: CandleValues | null;
  readonly foundAt: EpochMs;
}

const RECORD = `
  insert into market.stream_checks
    (exchange, market_type, symbol, interval, open_time, verdict, said_closed, streamed, answered, found_at)
  values ($1::text, $2::text, $3::text, $4::text, $5::timestamptz, $6::text, $7::boolean,
          $8::jsonb, $9::jsonb, $10::timestamptz)
  on conflict do nothing`;

/** @returns whether it is a new finding. */
export async function recordStreamFinding(pool: Pool, finding: StreamFinding): Promise<boolean> {
  const { series, streamed, answered } = finding;
  const result = await pool.query(RECORD, [
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    new Date(finding.openTime).toISOString(),
    finding.verdict,
    streamed?.isClosed ?? null,
    valuesJson(streamed),
    valuesJson(answered),
    new Date(finding.foundAt).toISOString(),
  ]);
  return result.rowCount === 1;
}

/** Decimals stay text: jsonb would keep their digits too, readers of JSON might not. */
function valuesJson(values: CandleValues | null): string | null {
  if (values === null) return null;
  const { open, high, low, close, volume, quoteVolume, trades, takerBuyBase, takerBuyQuote } =
    values;
  return JSON.stringify({
    open,
    high,
    low,
    close,
    volume,
    quote_volume: quoteVolume,
    trades,
    taker_buy_base: takerBuyBase,
    taker_buy_quote: takerBuyQuote,
  });
}
