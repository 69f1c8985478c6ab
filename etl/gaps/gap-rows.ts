/**
 * The rows of market.gaps. In: a series, a window; rows as they should be. Out: rows as they are, and
 * only the differences written: where there are none, not a byte of WAL. The caller's transaction
 * holds the series' lock, so that two surveys do not weave their rows together.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import type { Gap, GapCause } from '#core/gap.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool, PoolClient } from '#platform/postgres.ts';
import type { TimeRange } from './settle.ts';

/** A row as the driver gives it: int8 is text, a time is EpochMs. */
export interface GapRecord {
  readonly gap_from: EpochMs;
  readonly gap_to: EpochMs;
  readonly candles: string;
  readonly cause: GapCause;
  readonly attempts: number;
  readonly empty_answers: number;
  readonly first_seen_at: EpochMs;
  readonly last_checked_at: EpochMs | null;
  readonly resolved_at: EpochMs | null;
  readonly detail: string | null;
  readonly last_run_id: string | null;
}

export const GAP_COLUMNS = `gap_from, gap_to, candles, cause, attempts, empty_answers,
  first_seen_at, last_checked_at, resolved_at, detail, last_run_id`;

const OF_SERIES = `exchange = $1::text and market_type = $2::text and symbol = $3::text
  and interval = $4::text`;

const READ = `
  select ${GAP_COLUMNS} from market.gaps
  where ${OF_SERIES} and gap_from <= $6::timestamptz and gap_to >= $5::timestamptz
  order by gap_from`;

const OTHERS = `
  select count(distinct symbol)::integer as n from market.gaps
  where exchange = $1::text and market_type = $2::text and symbol <> $3::text
    and interval = $4::text and cause in ('missing', 'venue_empty')
    and gap_from <= $5::timestamptz and gap_to >= $6::timestamptz`;

const REMOVE = `
  delete from market.gaps where ${OF_SERIES} and gap_from = any($5::timestamptz[])`;

const WRITE = `
  insert into market.gaps
    (exchange, market_type, symbol, interval, ${GAP_COLUMNS})
  select $1::text, $2::text, $3::text, $4::text, u.*
  from unnest($5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::text[], $9::integer[],
    $10::integer[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[],
    $15::bigint[]) as u
  on conflict (exchange, market_type, symbol, interval, gap_from) do update set
    gap_to = excluded.gap_to,
    candles = excluded.candles,
    cause = excluded.cause,
    attempts = excluded.attempts,
    empty_answers = excluded.empty_answers,
    first_seen_at = excluded.first_seen_at,
    last_checked_at = excluded.last_checked_at,
    resolved_at = excluded.resolved_at,
    detail = excluded.detail,
    last_run_id = excluded.last_run_id`;

/** Until the end of the transaction; takes no WAL. */
export async function lockGaps(client: PoolClient, series: Series): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1::text, 0))', [
    `market.gaps ${seriesKey(series)}`,
  ]);
}

/** Rows that overlap the window or touch it, rising. */
export async function readGaps(
  client: Pool | PoolClient,
  series: Series,
  window: TimeRange,
): Promise<Gap[]> {
  const found = await client.query<GapRecord>(READ, [
    ...nameOf(series),
    text(window.from),
    text(window.to),
  ]);
  return found.rows.map(gapOf);
}

/** In how many other series of the venue and interval the whole range is missing too. */
export async function countSameHole(
  client: Pool | PoolClient,
  series: Series,
  range: TimeRange,
): Promise<number> {
  const found = await client.query<{ n: number }>(OTHERS, [
    ...nameOf(series),
    text(range.from),
    text(range.to),
  ]);
  return found.rows[0]?.n ?? 0;
}

/** Brings the rows `before` to `after`. @returns how many rows were written or removed. */
export async function writeGaps(
  client: PoolClient,
  series: Series,
  before: readonly Gap[],
  after: readonly Gap[],
): Promise<number> {
  const kept = new Set(after.map(({ from }) => from));
  const known = new Map(before.map((gap) => [gap.from, gap]));
  const gone = before.filter(({ from }) => !kept.has(from));
  const news = after.filter((gap) => !isSame(known.get(gap.from), gap));
  if (gone.length > 0) {
    await client.query(REMOVE, [...nameOf(series), gone.map(({ from }) => text(from))]);
  }
  if (news.length > 0) {
    await client.query(WRITE, [
      ...nameOf(series),
      news.map(({ from }) => text(from)),
      news.map(({ to }) => text(to)),
      news.map(({ candles }) => candles),
      news.map(({ cause }) => cause),
      news.map(({ attempts }) => attempts),
      news.map(({ emptyAnswers }) => emptyAnswers),
      news.map(({ firstSeenAt }) => text(firstSeenAt)),
      news.map(({ lastCheckedAt }) => textOrNull(lastCheckedAt)),
      news.map(({ resolvedAt }) => textOrNull(resolvedAt)),
      news.map(({ detail }) => detail),
      news.map(({ lastRunId }) => lastRunId),
    ]);
  }
  return gone.length + news.length;
}

export function gapOf(row: GapRecord): Gap {
  return {
    from: row.gap_from,
    to: row.gap_to,
    candles: Number(row.candles),
    cause: row.cause,
    attempts: row.attempts,
    emptyAnswers: row.empty_answers,
    firstSeenAt: row.first_seen_at,
    lastCheckedAt: row.last_checked_at,
    resolvedAt: row.resolved_at,
    detail: row.detail,
    lastRunId: row.last_run_id,
  };
}

function isSame(a: Gap | undefined, b: Gap): boolean {
  return (
    a !== undefined &&
    a.to === b.to &&
    a.candles === b.candles &&
    a.cause === b.cause &&
    a.attempts === b.attempts &&
    a.emptyAnswers === b.emptyAnswers &&
    a.firstSeenAt === b.firstSeenAt &&
    a.lastCheckedAt === b.lastCheckedAt &&
    a.resolvedAt === b.resolvedAt &&
    a.detail === b.detail &&
    a.lastRunId === b.lastRunId
  );
}

function nameOf({ exchange, marketType, symbol, interval }: Series): string[] {
  return [exchange, marketType, symbol, interval];
}

function text(time: EpochMs): string {
  return new Date(time).toISOString();
}

function textOrNull(time: EpochMs | null): string | null {
  return time === null ? null : text(time);
}
