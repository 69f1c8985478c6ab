/**
 * Sends candles through the pipeline as changes, where sending them again is not enough. In: candles that
 * ClickHouse has wrong. Out: transactions on Postgres, each of which leaves every candle as it was: the
 * source of a stored one is changed and changed back, a ghost is put in and taken out. Each half differs
 * from what the analyzer holds, be they in one batch or in two, so it writes and computes anew.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres.ts';
import { NOTHING, type Damage } from './damage.ts';

/** Candles in one transaction. */
const ROWS_AT_ONCE = 500;
/** What the ledger says of the first half. */
const SOURCE = 'reconcile';

const OF_SERIES = `exchange = $1::text and market_type = $2::text and symbol = $3::text
  and interval = $4::text`;

type Row = Pick<Damage, 'series' | 'openTime' | 'columns'>;

/** @returns how many there were to change and change back. */
export async function rewriteStored(pool: Pool, rows: readonly Row[]): Promise<number> {
  let count = 0;
  for (const batch of batchesOf(rows)) {
    const series = partsOf(batch[0]!.series);
    const times = batch.map(({ openTime }) => formatInstant(openTime));
    count += await inTransaction(pool, async (client) => {
      const { rows: stored } = await client.query<{ open_time: EpochMs; source: string }>(
        `select open_time, source from market.candles
         where ${OF_SERIES} and open_time = any($5::timestamptz[]) and is_closed
         for update`,
        [...series, times],
      );
      const found = stored.map(({ open_time }) => formatInstant(open_time));
      await client.query(
        `update market.candles set source = $6::text
         where ${OF_SERIES} and open_time = any($5::timestamptz[])`,
        [...series, found, SOURCE],
      );
      await client.query(
        `update market.candles as candle set source = was.source
         from unnest($5::timestamptz[], $6::text[]) as was (open_time, source)
         where ${OF_SERIES} and candle.open_time = was.open_time`,
        [...series, found, stored.map(({ source }) => source)],
      );
      return stored.length;
    });
  }
  return count;
}

/** @returns how many were told as deleted; not those that Postgres has by now. */
export async function removeGhosts(pool: Pool, rows: readonly Row[]): Promise<number> {
  let count = 0;
  for (const batch of batchesOf(rows)) {
    const { series } = batch[0]!;
    const times = batch.map(({ openTime }) => formatInstant(openTime));
    await pool.query(`select market.ensure_month_partitions('candles', $1::timestamptz[])`, [
      times,
    ]);
    count += await inTransaction(pool, async (client) => {
      const made = await insertGhosts(client, series, batch);
      const { rowCount } = await client.query(
        `delete from market.candles where ${OF_SERIES} and open_time = any($5::timestamptz[])`,
        [...partsOf(series), made],
      );
      return rowCount ?? 0;
    });
  }
  return count;
}

/** @returns open times of those that were not there. */
async function insertGhosts(
  client: PoolClient,
  series: Series,
  batch: readonly Row[],
): Promise<readonly string[]> {
  const made: string[] = [];
  for (const { openTime, columns } of batch) {
    const values = new Map(columns.map(({ name, clickhouse }) => [name, clickhouse]));
    const value = (name: string): string | null => {
      const text = values.get(name) ?? NOTHING;
      return text === NOTHING ? null : text;
    };
    const { rowCount } = await client.query(
      `insert into market.candles (exchange, market_type, symbol, interval, open_time, open, high,
         low, close, volume, quote_volume, trades, taker_buy_base, taker_buy_quote, is_closed,
         revision, observed_at, source)
       values ($1::text, $2::text, $3::text, $4::text, $5::timestamptz, $6::numeric, $7::numeric,
         $8::numeric, $9::numeric, $10::numeric, $11::numeric, $12::bigint, $13::numeric,
         $14::numeric, true, $15::integer, to_timestamp($16::bigint / 1000.0), $17::text)
       on conflict do nothing`,
      [
        ...partsOf(series),
        formatInstant(openTime),
        ...['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'trades'].map(value),
        ...['taker_buy_base', 'taker_buy_quote', 'revision', 'observed_at'].map(value),
        SOURCE,
      ],
    );
    if (rowCount === 1) made.push(formatInstant(openTime));
  }
  return made;
}

/** Rows of one series each, ROWS_AT_ONCE at most. */
function batchesOf(rows: readonly Row[]): readonly (readonly Row[])[] {
  return [...Map.groupBy(rows, ({ series }) => seriesKey(series)).values()].flatMap((ofSeries) =>
    Array.from({ length: Math.ceil(ofSeries.length / ROWS_AT_ONCE) }, (_, at) =>
      ofSeries.slice(at * ROWS_AT_ONCE, (at + 1) * ROWS_AT_ONCE),
    ),
  );
}

function partsOf({ exchange, marketType, symbol, interval }: Series): readonly string[] {
  return [exchange, marketType, symbol, interval];
}
