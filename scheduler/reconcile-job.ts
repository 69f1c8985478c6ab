/**
 * Jobs of kind `reconcile`: prove that ClickHouse holds what Postgres held at one moment, over the last days.
 * It heals nothing: an attempt fails where something differs, and says what. Kafka is out of the
 * scheduler's reach, so it cannot tell a change that is on its way from one that is lost: what differs is
 * looked at again, at a barrier of its own, for as long as an analyzer at work may be behind.
 */
import { setTimeout as rest } from 'node:timers/promises';
import type { EpochMs } from '#core/time.ts';
import { clickHouseOptions, createClickHouse } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { listStoredSeries } from '../etl/index.ts';
import {
  ARRIVAL_BOUNDS,
  describeDamage,
  producerOf,
  prove,
  readRunningRules,
  type Proof,
} from '../proof/index.ts';
import { daysBack } from './days-back.ts';
import type { JobKind } from './job.ts';

/** How far back from the newest candle open times are compared, where the job does not say. */
const HISTORY_DAYS = 3;
/** Before each further look, ms: some two minutes together. */
const RESTS_MS = [2_000, 5_000, 15_000, 30_000, 60_000] as const;
/** Series in which the newest candle is looked for. */
const SERIES_MAX = 10_000;
/** Candles and days that a failure names. */
const TOLD_MAX = 3;

export const reconcileKind: JobKind = reconcileKindWith(RESTS_MS);

/** @param rests before each further look at what differs, ms. */
export function reconcileKindWith(rests: readonly number[]): JobKind {
  return {
    needs: 'nothing',
    prepare:
      ({ historyDays, name }, services) =>
      async (signal) => {
        const { config, clock, logger } = services;
        const clickhouse = createClickHouse(clickHouseOptions(config, 'wickstream-scheduler'));
        try {
          const producer = producerOf(await readRunningRules());
          const { pool } = services;
          const newest = (await readNewestOpen(pool)) ?? clock.now();
          const from = daysBack(newest, historyDays ?? HISTORY_DAYS);
          const { proof, looks } = await lookUntilEqual(rests, signal, () =>
            prove({
              clients: { pool, clickhouse, kafka: null, producer },
              scope: { series: [], from, to: null },
              rowsMax: TOLD_MAX,
              arrival: { ...ARRIVAL_BOUNDS, signal },
              say: (line) => {
                signal.throwIfAborted();
                logger.debug({ job: name }, line);
              },
            }),
          );
          return { wrote: 0, failures: failuresOf(proof), report: reportOf(proof, looks) };
        } finally {
          await clickhouse.close();
        }
      },
  };
}

const NEWEST = `
  select max(newest) as newest
  from unnest($1::text[], $2::text[], $3::text[], $4::text[])
         as stored (exchange, market_type, symbol, interval),
       lateral (
         select open_time as newest
         from market.candles as candle
         where candle.exchange = stored.exchange and candle.market_type = stored.market_type
           and candle.symbol = stored.symbol and candle.interval = stored.interval and is_closed
         order by open_time desc
         limit 1
       ) as last`;

/** Of all series; a recorded market ends long before our clock does. Null where there is no candle. */
async function readNewestOpen(pool: Pool): Promise<EpochMs | null> {
  const stored = await listStoredSeries(pool, SERIES_MAX);
  const { rows } = await pool.query<{ newest: EpochMs | null }>(NEWEST, [
    stored.map(({ exchange }) => exchange),
    stored.map(({ marketType }) => marketType),
    stored.map(({ symbol }) => symbol),
    stored.map(({ interval }) => interval),
  ]);
  return rows[0]?.newest ?? null;
}

interface Looked {
  readonly proof: Proof;
  readonly looks: number;
}

async function lookUntilEqual(
  rests: readonly number[],
  signal: AbortSignal,
  look: () => Promise<Proof>,
): Promise<Looked> {
  for (let looks = 1; ; looks += 1) {
    const proof = await look();
    const pause = rests[looks - 1];
    if (proof.verdict !== 'different' || pause === undefined) return { proof, looks };
    await rest(pause, undefined, { signal });
  }
}

function failuresOf(proof: Proof): readonly string[] {
  const { verdict, differing, rows, lsn, days } = proof;
  if (verdict !== 'different') return [];
  const buckets = differing.slice(0, TOLD_MAX).map(({ bucket, what }) => `${bucket}: ${what}`);
  const candles = rows.slice(0, TOLD_MAX).map(describeDamage);
  return [
    `${differing.length} of ${days} series and days differ at ${lsn}, each time that they were looked at ` +
      `(${[...buckets, ...candles].join('; ')}); either ClickHouse is wrong or the analyzer is minutes ` +
      'behind: "wick reconcile" tells which, and --repair heals',
  ];
}

function reportOf(proof: Proof, looks: number): Readonly<Record<string, unknown>> {
  const { verdict, lsn, series, days, candles, differing, unsettled } = proof;
  const counts = { differing: differing.length, unsettled: unsettled.length };
  return { verdict, lsn, series, days, candles, ...counts, looks };
}
