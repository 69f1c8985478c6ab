/**
 * I2, I3 and I4 by SQL of its own. In: Postgres and ClickHouse at rest. Out: candles without exactly
 * one feature row and one signal of their own version, rows without a candle, signals caused before
 * their candle, and features that differ from a computation anew. I3 is held twice: all of it to the
 * bit against the pure core folding the candles of Postgres from scratch, and the windows that are
 * short to define (moving averages, bands, returns) against sums written here, to 1e-9.
 */
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { CORE_V1 } from '../../analyzer/features/sets/core-v1.ts';
import { expectedEvaluations, storedEvaluations } from '../support/evaluations.ts';
import { CLICKHOUSE_KEY, type StoredRow } from './candle-check.ts';
import { violationOf, type Violation } from './violation.ts';

const TOLERANCE = 1e-9;

interface DerivedKey {
  readonly key: string;
  readonly candle_version: string;
  readonly version: string;
  readonly n: string;
}

const derivedKeys = (table: 'features' | 'signals'): string => `
  select ${CLICKHOUSE_KEY} as key, toString(any(candle_version)) as candle_version,
         toString(any(version)) as version, toString(count()) as n
  from ${table} final group by key`;

/** I2 and I4. */
export async function checkCoverage(
  postgres: readonly StoredRow[],
  client: ClickHouseClient,
): Promise<Violation[]> {
  const keys = new Set(postgres.map(({ key }) => key));
  const candles = await readRows<{ key: string; version: string }>(
    client,
    `select ${CLICKHOUSE_KEY} as key, toString(version) as version from candles final`,
  );
  const versions = new Map(candles.map(({ key, version }) => [key, version]));
  const found: Violation[] = [];
  for (const table of ['features', 'signals'] as const) {
    const rows = await readRows<DerivedKey>(client, derivedKeys(table));
    const known = new Map(rows.map((row) => [row.key, row]));
    const list = (check: (row: DerivedKey) => boolean): string[] =>
      rows.filter(check).map(({ key }) => key);
    const orphan = table === 'signals' ? 'I4' : 'I2';
    found.push(
      ...violationOf(
        'I2',
        `candles without ${table}`,
        [...keys].filter((key) => !known.has(key)),
      ),
      ...violationOf(
        'I2',
        `candles with several rows of ${table}`,
        list(({ n }) => n !== '1'),
      ),
      ...violationOf(
        orphan,
        `${table} without a candle`,
        list(({ key }) => !keys.has(key)),
      ),
      ...violationOf(
        'I2',
        `${table} of another version of their candle`,
        list((row) => versions.has(row.key) && versions.get(row.key) !== row.candle_version),
      ),
      ...violationOf(
        'I4',
        `${table} older than their candle`,
        list(({ version, candle_version: candle }) => BigInt(version) < BigInt(candle)),
      ),
    );
  }
  return found;
}

/** I3, to the bit, by the pure core from scratch. */
export async function checkBits(pool: Pool, client: ClickHouseClient): Promise<Violation[]> {
  const [expected, stored] = await Promise.all([
    expectedEvaluations(pool),
    storedEvaluations(client),
  ]);
  const wanted = new Set(expected);
  const wrong = stored.filter((row) => !wanted.has(row)).map((row) => row.slice(0, 80));
  return violationOf('I3', 'evaluations differ from a computation anew', wrong);
}

/** The windows of `core.v1` that a definition of one line is enough for. */
const WINDOWS: Readonly<Record<string, (closes: readonly number[]) => number | null>> = {
  sma_20: (closes) => mean(closes, 20),
  sma_50: (closes) => mean(closes, 50),
  bb_middle: (closes) => mean(closes, 20),
  bb_upper: (closes) => band(closes, 2),
  bb_lower: (closes) => band(closes, -2),
  return_1: (closes) => (closes.length < 2 ? null : closes.at(-1)! / closes.at(-2)! - 1),
  log_return_1: (closes) =>
    closes.length < 2 ? null : Math.log(closes.at(-1)!) - Math.log(closes.at(-2)!),
};

const COUNTING = `
  select concat_ws('|', c.exchange, c.market_type, c.symbol, c.interval) as series,
         (extract(epoch from c.open_time) * 1000)::bigint::text as t, c.close::text as close
  from market.candles as c
  left join market.anchors as a using (exchange, market_type, symbol, interval)
  where c.is_closed and coalesce(c.open_time >= a.anchor, true)
  order by 1, c.open_time`;

/** I3, to 1e-9, by sums that know nothing of the product's code. */
export async function checkWindows(pool: Pool, client: ClickHouseClient): Promise<Violation[]> {
  const rows = await readRows<{ key: string; values: (number | null)[] }>(
    client,
    `select ${CLICKHOUSE_KEY} as key, values from features final`,
  );
  const stored = new Map(rows.map(({ key, values }) => [key, values]));
  const found = await pool.query<{ series: string; t: string; close: string }>(COUNTING);
  const closes = new Map<string, number[]>();
  const wrong: string[] = [];
  for (const { series, t, close } of found.rows) {
    const window = [...(closes.get(series) ?? []), Number(close)].slice(-50);
    closes.set(series, window);
    const values = stored.get(`${series} ${t}`);
    for (const [name, compute] of Object.entries(WINDOWS)) {
      const index = CORE_V1.features.findIndex((feature) => feature.name === name);
      const [is, should] = [values?.[index] ?? null, compute(window)];
      if (!isClose(is, should)) wrong.push(`${series} ${t} ${name} is ${is}, not ${should}`);
    }
  }
  return violationOf('I3', 'windows differ from their definition', wrong);
}

function mean(closes: readonly number[], period: number): number | null {
  if (closes.length < period) return null;
  return closes.slice(-period).reduce((sum, close) => sum + close, 0) / period;
}

function band(closes: readonly number[], deviations: number): number | null {
  const middle = mean(closes, 20);
  if (middle === null) return null;
  const squares = closes.slice(-20).reduce((sum, close) => sum + (close - middle) ** 2, 0);
  return middle + deviations * Math.sqrt(squares / 20);
}

function isClose(is: number | null, should: number | null): boolean {
  if (is === null || should === null) return is === should;
  return Math.abs(is - should) <= TOLERANCE * Math.max(1, Math.abs(should));
}
