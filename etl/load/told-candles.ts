/**
 * Which rows of a batch tell something new. In: a source of rows with unique keys. Out: SQL that
 * keeps the rows worth writing. This is the rule of the whole load:
 *  - no candle is stored under its key: news;
 *  - an open candle is stored and a market value differs, or the new one is closed: news;
 *  - both are closed and a market value differs: news, a revision;
 *  - an open row for a closed candle: never.
 * A null is no difference to a value. observed_at, source, run and payload are no difference either.
 *
 * The rest is left out here and not by "on conflict … where", which locks each conflicting row and
 * so logs 140 bytes for it; a row left out here logs nothing.
 */
import { KEY_COLUMNS, OPTIONAL_COLUMNS, PRICE_COLUMNS } from './candle-columns.ts';

const COMPARED = [...PRICE_COLUMNS, ...OPTIONAL_COLUMNS, 'is_closed'];

/**
 * A query for the news of `source`; `is_known` says that a candle is stored under the key.
 * Parameters $1 and $2 bound the batch's open times, both inclusive.
 * @param source a FROM item that yields the candle columns.
 */
export function toldCandlesSql(source: string): string {
  return `
    select b.*, c.open_time is not null as is_known
    from ${source} as b
    -- "offset 0" keeps this a lookup by primary key. Left free, the planner, which has no
    -- statistics for a fresh batch, scans whole months instead; a lookup costs 2 us a row on a
    -- table of any size. The bounds let it pass over all other months.
    left join lateral (
      select open_time, ${COMPARED.join(', ')}
      from market.candles as k
      where ${KEY_COLUMNS.map((name) => `k.${name} = b.${name}`).join(' and ')}
        and k.open_time between $1::timestamptz and $2::timestamptz
      offset 0
    ) as c on true
    where c.open_time is null or (${isNewsSql('b', 'c')})`;
}

/** A condition: the row `fresh` may overwrite the row `stored`, and a market value differs. */
export function isNewsSql(fresh: string, stored: string): string {
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
