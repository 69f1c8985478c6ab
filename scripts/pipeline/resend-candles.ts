/**
 * Has candles of Postgres sent through change capture once more, by incremental snapshots of just these
 * rows: they arrive with the place in the stream that they have by then, so they are applied. In: keys. Out:
 * signals in `market.cdc_signal`, which the connector works off when it runs. Rows that Postgres no longer
 * has are not sent.
 */
import { seriesKey, type CandleKey } from '#core/candle.ts';
import { formatInstant } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

/** Rows in one signal, whose text has room for 2,048 characters. */
const ROWS_MAX = 20;

const SIGNAL = `
  insert into market.cdc_signal (id, type, data)
  select gen_random_uuid()::text, 'execute-snapshot', json_build_object(
    'type', 'incremental',
    'data-collections', json_build_array('market.candles'),
    'additional-conditions', json_build_array(json_build_object(
      'data-collection', 'market.candles',
      'filter', format(
        'exchange = %L and market_type = %L and symbol = %L and interval = %L and open_time in (%s)',
        $1::text, $2::text, $3::text, $4::text, string_agg(quote_literal(t), ',')
      )
    ))
  )::text
  from unnest($5::text[]) as t`;

/** @returns how many signals were given. */
export async function resendCandles(pool: Pool, keys: readonly CandleKey[]): Promise<number> {
  let signals = 0;
  for (const rows of Map.groupBy(keys, (key) => seriesKey(key)).values()) {
    for (let from = 0; from < rows.length; from += ROWS_MAX) {
      const some = rows.slice(from, from + ROWS_MAX);
      const { exchange, marketType, symbol, interval } = some[0]!;
      const times = some.map(({ openTime }) => formatInstant(openTime));
      await pool.query(SIGNAL, [exchange, marketType, symbol, interval, times]);
      signals += 1;
    }
  }
  return signals;
}
