/**
 * What a proof is about: series and a range of open times. In: what a user named. Out: conditions for both
 * stores, with their parameters.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import { CLICKHOUSE_SERIES, POSTGRES_SERIES } from './candle-text.ts';
import type { Day } from './day.ts';

export interface Scope {
  /** Empty means all. */
  readonly series: readonly Series[];
  /** First open time; null from the beginning. */
  readonly from: EpochMs | null;
  /** Open times end before it; null to the end. */
  readonly to: EpochMs | null;
}

export interface Condition<Parameters> {
  /** Begins with "and", or is empty. */
  readonly sql: string;
  readonly parameters: Parameters;
}

export function inPostgres({ series, from, to }: Scope): Condition<readonly unknown[]> {
  const parts: string[] = [];
  const parameters: unknown[] = [];
  const add = (value: unknown, text: (place: string) => string): void => {
    parameters.push(value);
    parts.push(`and ${text(`$${parameters.length}`)}`);
  };
  if (series.length > 0) {
    add(series.map(seriesKey), (place) => `${POSTGRES_SERIES} = any(${place}::text[])`);
  }
  if (from !== null) add(formatInstant(from), (place) => `open_time >= ${place}::timestamptz`);
  if (to !== null) add(formatInstant(to), (place) => `open_time < ${place}::timestamptz`);
  return { sql: parts.join(' '), parameters };
}

export function inClickHouse({
  series,
  from,
  to,
}: Scope): Condition<Readonly<Record<string, unknown>>> {
  const parts: string[] = [];
  if (series.length > 0) parts.push(`and has({series:Array(String)}, ${CLICKHOUSE_SERIES})`);
  if (from !== null) parts.push(`and open_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`);
  if (to !== null) parts.push(`and open_time < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`);
  return {
    sql: parts.join(' '),
    parameters: {
      ...(series.length > 0 ? { series: series.map(seriesKey) } : {}),
      ...(from === null ? {} : { from }),
      ...(to === null ? {} : { to }),
    },
  };
}

/** The smallest scope that holds all of these days. */
export function scopeOf(days: readonly Day[]): Scope {
  const series = new Map(days.map((day) => [seriesKey(day.series), day.series]));
  const from = days.reduce((least, day) => (day.from < least ? day.from : least), days[0]!.from);
  const to = days.reduce((most, day) => (day.to > most ? day.to : most), days[0]!.to);
  return { series: [...series.values()], from, to };
}
