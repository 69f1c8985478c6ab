/**
 * What did not make it through a run. In: the stores, what the recorded venue serves and refuses.
 * Out: refused rows by reason, and series of which nothing is stored although their file has rows.
 * Rows in quarantine and dead letters are kept, so alone they are no failure; a series that is
 * missing altogether is one.
 */
import type { Pool } from '#platform/postgres.ts';
import { TOPIC_DLQ } from '#core/contracts/names.ts';
import { FUNDING, parseRecordingPath } from '../../local/venues/recording-name.ts';
import { NO_CANDLES } from '../../local/venues/recording.ts';
import type { ReplayStatus } from '../../local/venues/replay-status.ts';

export interface Losses {
  readonly quarantined: readonly { readonly reason: string; readonly rows: number }[];
  /** Series of which nothing is stored, with why. */
  readonly missing: readonly string[];
}

export async function readLosses(
  pool: Pool,
  replay: Pick<ReplayStatus, 'series' | 'rejected'>,
): Promise<Losses> {
  const { rows } = await pool.query<{ reason: string; n: string }>(
    `select reason, count(*) as n from market.quarantine where redriven_at is null
     group by reason order by count(*) desc, reason`,
  );
  const quarantined = rows.map(({ reason, n }) => ({ reason, rows: Number(n) }));
  const missing = [...(await readEmpty(pool, replay)), ...(await readRefused(pool, replay))];
  return { quarantined, missing };
}

/** Lines for people; none where nothing was lost. */
export function describeLosses({ quarantined, missing }: Losses, deadLetters: number): string[] {
  const lines: string[] = [];
  if (quarantined.length > 0) {
    const sum = quarantined.reduce((total, { rows }) => total + rows, 0);
    const reasons = quarantined.map(({ reason, rows }) => `${reason} ${rows}`).join(', ');
    lines.push(
      `in quarantine: ${sum} refused rows (${reasons}); see market.quarantine in Postgres`,
    );
  }
  if (deadLetters > 0) {
    lines.push(
      `dead letters: ${deadLetters} records that could not be analysed; the header wick.reason of each in the topic "${TOPIC_DLQ}" says why`,
    );
  }
  for (const series of missing) lines.push(`nothing is stored of ${series}`);
  return lines;
}

/** Series that are served. */
async function readEmpty(
  pool: Pool,
  { series }: Pick<ReplayStatus, 'series'>,
): Promise<readonly string[]> {
  const empty: string[] = [];
  for (const { exchange, marketType, symbol, interval, file, candles, from, to } of series) {
    const key = [exchange, marketType, symbol, interval];
    const range = [from, to].map((time) => new Date(time).toISOString());
    const { rows } = await pool.query<{ stored: boolean; reasons: string | null }>(
      `select
         exists (
           select from market.candles
           where exchange = $1::text and market_type = $2::text and symbol = $3::text
             and interval = $4::text and open_time >= $5::timestamptz
             and open_time < $6::timestamptz
         ) as stored,
         (
           select string_agg(distinct reason, ', ' order by reason) from market.quarantine
           where exchange = $1::text and market_type = $2::text and symbol = $3::text
             and interval = $4::text and redriven_at is null
         ) as reasons`,
      [...key, ...range],
    );
    const [found] = rows;
    if (candles === 0 || found?.stored === true) continue;
    const why = found?.reasons ?? 'see scheduler.log';
    empty.push(
      `${symbol} ${interval}: its file ${file} has ${candles} rows, none was taken (${why})`,
    );
  }
  return empty;
}

/** Series whose file is not served although its name and rows are there. */
async function readRefused(
  pool: Pool,
  { series, rejected }: Pick<ReplayStatus, 'series' | 'rejected'>,
): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const { file, reason } of rejected) {
    const parsed = parseRecordingPath(file);
    if (!parsed.ok || reason === NO_CANDLES || parsed.name.interval === FUNDING) continue;
    const { base, quote, interval } = parsed.name;
    const symbol = `${base}/${quote}`;
    // Another file of the folder has it.
    const isServed = series.some((one) => one.symbol === symbol && one.interval === interval);
    if (isServed || (await isStored(pool, symbol, interval))) continue;
    refused.push(`${symbol} ${interval}: its file ${file} is not served: ${reason}`);
  }
  return refused;
}

async function isStored(pool: Pool, symbol: string, interval: string): Promise<boolean> {
  const { rows } = await pool.query(
    'select from market.candles where symbol = $1::text and interval = $2::text limit 1',
    [symbol, interval],
  );
  return rows.length > 0;
}
