/**
 * The baseline of freshness: the shortest way from the topic to a table. kafkajs with the analyzer's
 * fetch settings → `JSON.parse` → one insert into one table, the next as soon as the last has
 * finished; no checks, no analysis, no state, no cache. As durable as ours: the table syncs its parts,
 * and the offset is committed after them. In: environment of the stack, the table. Out: rows.
 */
import { parseArgs } from 'node:util';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { clickHouseOptions, createClickHouse } from '#platform/clickhouse.ts';
import { loadConfig } from '#platform/config.ts';
import { createKafka } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import { createMetrics } from '#platform/metrics.ts';
import { startHealth } from '#platform/health.ts';
import { CONSUMER_FETCH, PARTITIONS_AT_ONCE } from '../../analyzer/consumer-fetch.ts';

const { values } = parseArgs({ options: { table: { type: 'string', default: '' } } });
const config = loadConfig();
const logger = createLogger('bare-path', 'error');
const clickhouse = createClickHouse(clickHouseOptions(config, 'bench-bare'));
const kafka = createKafka({ brokers: config.KAFKA_BROKERS, clientId: 'bench-bare', logger });
const consumer = kafka.consumer({ groupId: `bench-bare-${process.pid}`, ...CONSUMER_FETCH });

let pending: unknown[] = [];
let waiting = Promise.withResolvers<void>();
let inserting = false;

async function insertAll(): Promise<void> {
  inserting = true;
  while (pending.length > 0) {
    const rows = pending;
    const done = waiting;
    pending = [];
    waiting = Promise.withResolvers<void>();
    await clickhouse.insert({
      table: values.table,
      values: rows,
      format: 'JSONEachRow',
      clickhouse_settings: {
        async_insert: 0,
        date_time_input_format: 'best_effort',
        input_format_skip_unknown_fields: 1,
      },
    });
    done.resolve();
  }
  inserting = false;
}

let joined = false;
consumer.on(consumer.events.GROUP_JOIN, () => {
  joined = true;
});
await consumer.connect();
await consumer.subscribe({ topic: TOPIC_CANDLES, fromBeginning: false });
await consumer.run({
  autoCommit: false,
  partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
  eachBatch: async ({ batch }) => {
    for (const { value } of batch.messages) {
      const parsed: unknown = JSON.parse(String(value));
      if (typeof parsed === 'object' && parsed !== null && 'after' in parsed) {
        pending.push(parsed.after);
      }
    }
    const { promise } = waiting;
    if (!inserting) void insertAll();
    await promise;
    const { topic, partition } = batch;
    const offset = String(BigInt(batch.lastOffset()) + 1n);
    void consumer.commitOffsets([{ topic, partition, offset }]);
  },
});
await startHealth({
  host: '127.0.0.1',
  port: config.ANALYZER_HTTP_PORT,
  metrics: createMetrics('bench_bare'),
  checks: { joined: () => joined },
});
const stop = Promise.withResolvers<void>();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.resolve());
await stop.promise;
await consumer.disconnect();
await clickhouse.close();
process.exit();
