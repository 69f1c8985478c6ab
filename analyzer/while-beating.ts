/**
 * Keeps a member of a consumer group alive while it does something that does not come by often. In: a
 * batch and the work. kafkajs beats only when it is told to, and a single question to a busy ClickHouse
 * may take longer than the group waits.
 */
import type { EachBatchPayload } from '#platform/kafka.ts';

const BEAT_MS = 1_000;

/** What is wrong with the group is met at the next beat that somebody waits for. */
export async function whileBeating<T>(
  { heartbeat }: Pick<EachBatchPayload, 'heartbeat'>,
  work: () => Promise<T>,
): Promise<T> {
  const beating = setInterval(() => {
    heartbeat().catch(() => undefined);
  }, BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beating);
  }
}
