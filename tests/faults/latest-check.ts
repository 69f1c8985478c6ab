/**
 * I10: what Redis shows can be told again. In: Redis before and after it was emptied and an analyzer
 * joined anew; ClickHouse at rest. Out: series whose newest closed candle is another one. The candle
 * that still runs is known to come back only with its next change, and is left out.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Redis } from '#platform/redis.ts';
import { violationOf, type Violation } from './violation.ts';

const PREFIX = 'wick:latest:';
const Shown = Type.Object({ openTime: Type.Integer() });

/** By series, the text of the newest closed candle. */
export async function readLatest(redis: Redis): Promise<ReadonlyMap<string, string>> {
  const shown = new Map<string, string>();
  for (const key of await redis.keys(`${PREFIX}*`)) {
    const closed = await redis.hget(key, 'closed');
    if (closed !== null) shown.set(key.slice(PREFIX.length).replaceAll(/[{}]/g, ''), closed);
  }
  return shown;
}

/** The same as before, word for word. */
export function checkRebuilt(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Violation[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])];
  const other = keys.filter((key) => before.get(key) !== after.get(key));
  const lines = other.map(
    (key) => `${key} ${differenceOf(before.get(key) ?? 'none', after.get(key) ?? 'none')}`,
  );
  return violationOf('I10', 'series show another candle once Redis was emptied', lines);
}

const SHOWN_CHARACTERS_MAX = 80;

/** From where they differ on. */
function differenceOf(before: string, after: string): string {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at += 1;
  const from = Math.max(0, at - SHOWN_CHARACTERS_MAX / 4);
  const part = (text: string): string => text.slice(from, from + SHOWN_CHARACTERS_MAX);
  return `"${part(before)}" / "${part(after)}"`;
}

const NEWEST = `
  select concatWithSeparator('|', exchange, market_type, symbol, interval) as series,
         max(toUnixTimestamp64Milli(open_time)) as t
  from candles final group by series`;

/** Every series shows its newest closed candle, and no series is shown that has none. */
export async function checkLatest(
  shown: ReadonlyMap<string, string>,
  client: ClickHouseClient,
): Promise<Violation[]> {
  const rows = await readRows<{ series: string; t: string }>(client, NEWEST);
  const newest = new Map(rows.map(({ series, t }) => [series, Number(t)]));
  const keys = [...new Set([...newest.keys(), ...shown.keys()])];
  const other = keys.filter((key) => {
    const text = shown.get(key);
    const openTime = text === undefined ? undefined : Value.Parse(Shown, JSON.parse(text)).openTime;
    return openTime !== newest.get(key);
  });
  return violationOf('I10', 'series do not show their newest candle', other);
}
