/**
 * The statement that merges a batch into market.candles. In: a source of rows with unique keys.
 * Out: the SQL text; it returns one row of counts.
 *
 * A row of the batch is written only when it tells something new:
 *  - no candle is stored under its key: inserted, revision 0;
 *  - the stored candle is open and a market value differs: overwritten, revision stays 0;
 *  - the stored candle is open and the new one is closed: overwritten, revision stays 0;
 *  - both are closed and a market value differs: overwritten, revision + 1.
 * An open row never overwrites a closed candle. A null never overwrites a value and is no
 * difference. observed_at, source, run and payload follow the values and are no difference either.
 *
 * Rows that tell nothing are taken out before "on conflict": its "where" alone would lock each
 * conflicting row, which logs 140 bytes a row; taken out before, they log none. "on conflict" then
 * only decides races, by the same rule against the row as it is at that moment.
 */
import {
  CANDLE_COLUMNS,
  KEY_COLUMNS,
  OPTIONAL_COLUMNS,
  PRICE_COLUMNS,
  PROVENANCE_COLUMNS,
} from './candle-columns.ts';

/** Counts as the statement returns them. */
export interface MergeCounts {
  readonly inserted: number;
  readonly revised: number;
  readonly closed: number;
  readonly updated_open: number;
}

const COMPARED = [...PRICE_COLUMNS, ...OPTIONAL_COLUMNS, 'is_closed'];
const COLUMNS = CANDLE_COLUMNS.map(({ name }) => name).join(', ');
const KEY = KEY_COLUMNS.join(', ');

/**
 * Parameters $1 and $2 bound the batch's open times (both inclusive, timestamptz), $3 is the run.
 * @param source a FROM item that yields the candle columns, keys unique.
 */
export function mergeCandlesSql(source: string): string {
  return `
    with told as (
      select b.*
      from ${source} as b
      -- "offset 0" keeps this a lookup by primary key. Left free, the planner, which has no
      -- statistics for a fresh batch, scans whole months instead; a lookup costs 3 us a row on a
      -- table of any size. The bounds let it pass over all other months.
      left join lateral (
        select open_time, ${COMPARED.join(', ')}
        from market.candles as k
        where ${KEY_COLUMNS.map((name) => `k.${name} = b.${name}`).join(' and ')}
          and k.open_time between $1::timestamptz and $2::timestamptz
        offset 0
      ) as c on true
      where c.open_time is null or (${isNews('b', 'c')})
    ),
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
      where ${isNews('excluded', 'c')}
      returning old.open_time is null as was_absent, old.is_closed as was_closed, new.is_closed
    )
    select
      (count(*) filter (where was_absent))::integer as inserted,
      (count(*) filter (where was_closed))::integer as revised,
      (count(*) filter (where not was_closed and is_closed))::integer as closed,
      (count(*) filter (where not was_closed and not is_closed))::integer as updated_open
    from merged`;
}

/** True where the new row may overwrite the stored one and a market value differs. */
function isNews(fresh: string, stored: string): string {
  const differences = [
    ...PRICE_COLUMNS.map((name) => `${fresh}.${name} <> ${stored}.${name}`),
    ...OPTIONAL_COLUMNS.map(
      (name) =>
        `(${fresh}.${name} is not null and ${fresh}.${name} is distinct from ${stored}.${name})`,
    ),
    `${fresh}.is_closed <> ${stored}.is_closed`,
  ];
  return `(${fresh}.is_closed or not ${stored}.is_closed) and (${differences.join(' or ')})`;
}
