/**
 * Which signal is meant. In: its id, the SHA-256 of its idempotency text in hex, or its series and open time
 * in words. Out: the key of its candle. A hash tells nothing by itself: it is looked for among the signals
 * of ClickHouse, one pass over their keys.
 */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CandleKey } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { idempotencyText } from '#core/idempotency.ts';
import { parseSeries, SERIES_FORM } from '#core/series-list.ts';
import { epochMs, parseInstant } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import { CLICKHOUSE_SERIES } from '../../../proof/candle-text.ts';

/** What an id looks like, for messages. */
export const SIGNAL_ID_FORM = `64 hex digits, or ${SERIES_FORM}@2026-01-01T00:00Z`;

/** How long a hash may be looked for, s. */
const SEARCH_MAX_S = 60;

const FIND = `
  select ${CLICKHOUSE_SERIES} as series, toString(toUnixTimestamp64Milli(open_time)) as t
  from signals
  where lower(hex(SHA256(concat(${CLICKHOUSE_SERIES}, '|',
                                toString(toUnixTimestamp64Milli(open_time)))))) = {id:String}
  limit 1
  settings max_execution_time = ${SEARCH_MAX_S}`;
const Found = Compile(Type.Object({ series: Type.String(), t: Type.String() }));

/** 64 hex digits. */
export function signalId(key: CandleKey): string {
  return createHash('sha256').update(idempotencyText(key)).digest('hex');
}

/** A candle's key, or a hash that is still to be looked for. @throws AppError WICK_USAGE. */
export function parseSignalId(text: string): CandleKey | string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  const at = text.lastIndexOf('@');
  const series = parseSeries(text.slice(0, Math.max(0, at)));
  if (series === null) {
    throw new AppError('WICK_USAGE', `"${text}" names no signal; give ${SIGNAL_ID_FORM}`);
  }
  try {
    return { ...series, openTime: parseInstant(text.slice(at + 1)) };
  } catch (error) {
    throw new AppError('WICK_USAGE', `"${text}": ${errorText(error)}`, { cause: error });
  }
}

/** @throws AppError WICK_USAGE where no signal has this hash. */
export async function findSignal(clickhouse: ClickHouseClient, id: string): Promise<CandleKey> {
  const [row] = await readRows<unknown>(clickhouse, FIND, { id });
  if (row === undefined) {
    throw new AppError(
      'WICK_USAGE',
      `no signal in ClickHouse has the id "${id}"; it is the SHA-256 of ` +
        '"exchange|market_type|symbol|interval|open time in epoch ms"',
    );
  }
  if (!Found.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
  const series = parseSeries(row.series);
  if (series === null) throw new Error(`ClickHouse names a series "${row.series}"`);
  return { ...series, openTime: epochMs(Number(row.t)) };
}
