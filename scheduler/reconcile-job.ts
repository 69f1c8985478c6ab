/**
 * Jobs of kind `reconcile`: prove that ClickHouse holds what Postgres held at one moment, over the last days.
 * It heals nothing: an attempt fails where something differs, and says what. Kafka is out of the
 * scheduler's reach, so it cannot tell a change that is on its way from one that is lost: what differs is
 * looked at again, at a barrier of its own, for as long as an analyzer at work may be behind.
 */
import { setTimeout as rest } from 'node:timers/promises';
import { clickHouseOptions, createClickHouse } from '#platform/clickhouse.ts';
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

/** How far back open times are compared where the job does not say. */
const HISTORY_DAYS = 3;
/** Before each further look, ms: some two minutes together. */
const RESTS_MS = [2_000, 5_000, 15_000, 30_000, 60_000] as const;
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
          const from = daysBack(clock.now(), historyDays ?? HISTORY_DAYS);
          const { pool } = services;
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
