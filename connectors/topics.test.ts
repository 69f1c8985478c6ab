import { expect, test } from 'vitest';
import type { Admin } from '#platform/kafka.ts';
import { ensureTopics } from './topics.ts';

type TopicConfig = NonNullable<Parameters<Admin['createTopics']>[0]>['topics'][number];

/** As much of a cluster as the function looks at: which topics it has, and how wide they are. */
function cluster(partitions: Record<string, number>) {
  const created: TopicConfig[] = [];
  const admin = {
    listTopics: () => Promise.resolve(Object.keys(partitions)),
    createTopics: ({ topics }: { topics: TopicConfig[] }) => {
      created.push(...topics);
      for (const { topic, numPartitions } of topics) partitions[topic] = numPartitions ?? 1;
      return Promise.resolve(true);
    },
    fetchTopicMetadata: ({ topics = [] }: { topics?: string[] } = {}) =>
      Promise.resolve({
        topics: topics.map((name) => ({
          name,
          partitions: Array.from({ length: partitions[name] ?? 0 }, (_, partitionId) => ({
            partitionErrorCode: 0,
            partitionId,
            leader: 1,
            replicas: [1],
            isr: [1],
          })),
        })),
      }),
  };
  return { admin, created };
}

const NAMES = [
  'wickstream.market.candles',
  'wickstream.features.v1',
  'wickstream.signals.v1',
  'wickstream.cdc.notifications',
  'wickstream.market.cdc_signal',
  'wickstream.dlq',
  'wickstream.dlq.marks',
  '__debezium-heartbeat.wickstream',
];

test('an empty cluster gets every topic, those of series twelve partitions, the others one', async () => {
  const { admin, created } = cluster({});
  expect(await ensureTopics(admin, { replicationFactor: 3 })).toEqual(NAMES);
  expect(created.map(({ topic, numPartitions }) => [topic, numPartitions])).toEqual(
    NAMES.map((name, index) => [name, index < 3 ? 12 : 1]),
  );
  for (const topic of created) {
    expect(topic.replicationFactor).toBe(3);
    const [cleanup] = topic.configEntries ?? [];
    const isMarks = topic.topic === 'wickstream.dlq.marks';
    expect(cleanup).toEqual({ name: 'cleanup.policy', value: isMarks ? 'compact' : 'delete' });
  }
});

test('a second run makes nothing', async () => {
  const { admin, created } = cluster({});
  await ensureTopics(admin, { replicationFactor: 1 });
  expect(await ensureTopics(admin, { replicationFactor: 1 })).toEqual([]);
  expect(created).toHaveLength(NAMES.length);
});

test('only what is missing is made', async () => {
  const { admin } = cluster({ 'wickstream.market.candles': 12, other: 4 });
  expect(await ensureTopics(admin, { replicationFactor: 1 })).toEqual(NAMES.slice(1));
});

test.each([1, 11, 13])('a candle topic of %i partitions is refused', async (width) => {
  const { admin } = cluster({ 'wickstream.market.candles': width });
  await expect(ensureTopics(admin, { replicationFactor: 1 })).rejects.toMatchObject({
    code: 'WICK_MIGRATION_FAILED',
    message: expect.stringContaining(`has ${width} partitions, must have 12`),
  });
});

test('a broker that has not heard of the new topics yet is asked again', async () => {
  const { admin } = cluster({});
  let deaf = 2;
  const names = await ensureTopics(
    {
      ...admin,
      fetchTopicMetadata: (asked) => {
        deaf -= 1;
        if (deaf === 1) return Promise.reject(new Error('does not host this topic-partition'));
        return admin.fetchTopicMetadata(asked);
      },
    },
    { replicationFactor: 1 },
  );
  expect(names).toEqual(NAMES);
  expect(deaf).toBe(0);
});
