/**
 * How often something came twice, which no invariant forbids and a user wants to know. In: the topic
 * and ClickHouse. Out: records of the topic, and rows of the ledger, beyond the first of each change.
 * Rows are counted while merges rest; a ClickHouse that is started again merges, and counts too few.
 */
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import { candleEvent, type TopicRecorder } from '../support/topic-recorder.ts';

export interface Duplicates {
  readonly topic: number;
  readonly sink: number;
}

export async function restMerges(client: ClickHouseClient, isResting: boolean): Promise<void> {
  const verb = isResting ? 'stop' : 'start';
  await client.command({ query: `system ${verb} merges candle_revisions` });
}

/** Beyond the first of each, so far. */
export async function countDuplicates(
  topic: TopicRecorder,
  client: ClickHouseClient,
): Promise<Duplicates> {
  const [row] = await readRows<{ n: string }>(
    client,
    `select toString(count() - uniqExact(exchange, market_type, symbol, interval, open_time, version)) as n
     from candle_revisions`,
  );
  const seen = new Set<string>();
  let events = 0;
  for (const record of topic.records) {
    if (record.value === null || record.key === null || !record.key.includes('open_time')) continue;
    const { keyText, version, op } = candleEvent(record);
    seen.add(`${keyText} ${version} ${op}`);
    events += 1;
  }
  return { topic: events - seen.size, sink: Number(row?.n ?? 0) };
}
