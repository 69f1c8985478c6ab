/**
 * Looks now and then how much of the topic waits. In: an admin client, what is known of movement. Out: lag as
 * a metric; a process whose data does not move and that nothing else ends is told to end. What is asked of
 * the broker is bounded, since a broker that is stopped answers nothing at all.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { GROUP_ANALYZER, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { Admin } from '#platform/kafka.ts';
import type { Logger } from '#platform/logger.ts';
import type { AnalyzerMetrics } from './metrics.ts';
import type { Backlog, Movement } from './movement.ts';

export interface MovementWatch {
  readonly admin: Pick<Admin, 'fetchTopicOffsets' | 'fetchOffsets'>;
  readonly movement: Movement;
  readonly metrics: Pick<AnalyzerMetrics, 'lag' | 'stalled'>;
  readonly logger: Logger;
  /** Called once; the process should end and be started again. */
  readonly onStuck: (error: Error) => void;
  readonly signal: AbortSignal;
}

/** Between two looks, ms. */
const LOOK_EVERY_MS = 5_000;
/** Longest wait for the broker, ms. */
const ANSWER_MS_MAX = 10_000;

/** Resolves when the signal is aborted, or nothing moves any more. */
export async function watchMovement(watch: MovementWatch): Promise<void> {
  const { admin, movement, metrics, logger, signal } = watch;
  while (!signal.aborted) {
    try {
      const backlogs = await within(ANSWER_MS_MAX, readBacklogs(admin));
      movement.see(backlogs);
      metrics.lag.reset();
      for (const [partition, { waiting }] of backlogs) {
        metrics.lag.set({ partition: String(partition) }, Number(waiting));
      }
    } catch (error) {
      movement.hearNothing();
      logger.debug({ err: errorText(error) }, 'the broker does not tell how far the topic is');
    }
    const standstill = movement.standstill();
    metrics.stalled.set(standstill === null ? 0 : 1);
    if (standstill?.state === 'stuck') {
      watch.onStuck(
        new AppError(
          'WICK_ANALYZER_STUCK',
          `${standstill.reason}; ending, so that it is started again`,
          { retryable: true },
        ),
      );
      return;
    }
    // Its end is no failure.
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function readBacklogs(admin: MovementWatch['admin']): Promise<ReadonlyMap<number, Backlog>> {
  const [groups, ends] = await Promise.all([
    admin.fetchOffsets({ groupId: GROUP_ANALYZER, topics: [TOPIC_CANDLES] }),
    admin.fetchTopicOffsets(TOPIC_CANDLES),
  ]);
  const committed = new Map(
    groups.flatMap(({ partitions }) => partitions.map((p) => [p.partition, BigInt(p.offset)])),
  );
  return new Map(
    ends.map(({ partition, low, high }) => {
      const at = committed.get(partition) ?? -1n;
      // What retention took away does not wait any more.
      const from = at < BigInt(low) ? BigInt(low) : at;
      const waiting = BigInt(high) - from;
      return [partition, { committed: at, waiting: waiting > 0n ? waiting : 0n }];
    }),
  );
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
