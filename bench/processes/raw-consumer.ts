/**
 * The baseline of the analyzer: kafkajs `eachBatch` with the analyzer's own fetch settings, and
 * `JSON.parse` of every value, nothing more. In: brokers, topic and how many records to take. Out: one
 * JSON line with the time from partitions assigned to the last record. A process of its own, as the
 * analyzer is.
 */
import { parseArgs } from 'node:util';
import { createKafka } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import { CONSUMER_FETCH, PARTITIONS_AT_ONCE } from '../../analyzer/consumer-fetch.ts';

const { values } = parseArgs({
  options: {
    brokers: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    records: { type: 'string', default: '0' },
  },
});
const records = Number(values.records);
const logger = createLogger('raw-consumer', 'error');
const kafka = createKafka({ brokers: values.brokers, clientId: 'bench-raw', logger });
const consumer = kafka.consumer({ groupId: `bench-raw-${process.pid}`, ...CONSUMER_FETCH });
const done = Promise.withResolvers<number>();

let startedAt = 0;
let taken = 0;
let ops = 0;
consumer.on(consumer.events.GROUP_JOIN, () => {
  startedAt = performance.now();
});
await consumer.connect();
await consumer.subscribe({ topic: values.topic, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
  eachBatch: async ({ batch }) => {
    for (const { value } of batch.messages) {
      const parsed: unknown = JSON.parse(String(value));
      // Reading something of it keeps the parse from being optimised away.
      if (typeof parsed === 'object' && parsed !== null && 'op' in parsed) ops += 1;
    }
    taken += batch.messages.length;
    if (taken >= records) done.resolve(performance.now());
  },
});
const endedAt = await done.promise;
const { user, system } = process.cpuUsage();
process.stdout.write(
  `${JSON.stringify({ records: taken, ops, seconds: (endedAt - startedAt) / 1000, cpuSeconds: (user + system) / 1e6 })}\n`,
);
await consumer.disconnect();
process.exit();
