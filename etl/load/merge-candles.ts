/**
 * The statement that merges a batch into market.candles. In: a source of rows with unique keys.
 * Out: the SQL text; it returns one row of counts. What is worth writing is said in told-candles;
 * "on conflict" writes it over the stored row and settles races by the same rule against the row as
 * it is at that moment. The revision rises only where a closed candle changes.
 */
import {
  CANDLE_COLUMNS,
  KEY_COLUMNS,
  OPTIONAL_COLUMNS,
  PRICE_COLUMNS,
  PROVENANCE_COLUMNS,
} from './candle-columns.ts';
import { isNewsSql, toldCandlesSql } from './told-candles.ts';

/** Counts as the statement returns them. */
export interface MergeCounts {
  readonly inserted: number;
  readonly revised: number;
  readonly closed: number;
  readonly updated_open: number;
}

const COLUMNS = CANDLE_COLUMNS.map(({ name }) => name).join(', ');
const KEY = KEY_COLUMNS.join(', ');

/**
 * Parameters $1 and $2 bound the batch's open times (both inclusive, timestamptz), $3 is the run.
 * @param source a FROM item that yields the candle columns, keys unique.
 */
export function mergeCandlesSql(source: string): string {
  return `
    with told as (${toldCandlesSql(source)}),
    merged as (
      insert into market.candles as c (${COLUMNS}, ingest_run_id)
      select ${COLUMNS}, $3::bigint
      from told
      -- Everyone takes row locks in key order, so that two batches cannot wait for each other.
      order by ${KEY}
      on conflict (${KEY}) do update set
        ${PRICE_COLUMNS.map((name) => `${name} = excluded.${name}`).join(', ')},
        ${OPTIONAL_COLUMNS.map((name) => `${name} = coalesce(excluded.${name}, c.${name})`).join(', ')},
        is_closed = excluded.is_closed,
        revision = c.revision + case when c.is_closed then 1 else 0 end,
        ${PROVENANCE_COLUMNS.map((name) => `${name} = excluded.${name}`).join(', ')},
        ingest_run_id = excluded.ingest_run_id
      where ${isNewsSql('excluded', 'c')}
      returning old.open_time is null as was_absent, old.is_closed as was_closed, new.is_closed
    )
    select
      (count(*) filter (where was_absent))::integer as inserted,
      (count(*) filter (where was_closed))::integer as revised,
      (count(*) filter (where not was_closed and is_closed))::integer as closed,
      (count(*) filter (where not was_closed and not is_closed))::integer as updated_open
    from merged`;
}
