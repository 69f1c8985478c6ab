/** What is wrong with one candle, and how it is told. */
import { seriesKey, type Series } from '#core/candle.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';

/** Stands for no value. */
export const NOTHING = '~';

/** A column that differs. */
export interface ColumnDifference {
  readonly name: string;
  readonly postgres: string;
  readonly clickhouse: string;
}

export interface Damage {
  readonly series: Series;
  readonly openTime: EpochMs;
  /**
   * missing: in Postgres alone. differs: in both, with other values. ghost: in ClickHouse alone. derived:
   * the ledger is right, and the current candle or its features and signal do not follow from it.
   */
  readonly kind: 'missing' | 'differs' | 'ghost' | 'derived';
  /** Of kind differs and, with all that ClickHouse has, ghost. */
  readonly columns: readonly ColumnDifference[];
  /** Of kind derived, which tables and how. */
  readonly what: string | null;
}

export function damageKey({ series, openTime }: Pick<Damage, 'series' | 'openTime'>): string {
  return `${seriesKey(series)} ${openTime}`;
}

export function describeDamage(damage: Damage): string {
  const { series, openTime, kind, columns, what } = damage;
  const where = `${seriesKey(series)} ${formatInstant(openTime)}`;
  if (kind === 'missing') return `${where}: missing in ClickHouse`;
  if (kind === 'ghost') return `${where}: in ClickHouse, and not in Postgres`;
  if (kind === 'derived') return `${where}: ${what}`;
  const told = columns.map(
    ({ name, postgres, clickhouse }) => `${name} ${clickhouse} instead of ${postgres}`,
  );
  return `${where}: ClickHouse has ${told.join(', ')}`;
}
