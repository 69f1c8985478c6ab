/**
 * The analyzer process. Wires Kafka, ClickHouse and Redis to the pure core; holds no logic. It exits
 * when its consumer cannot go on: starting again is its way of recovering.
 */
import { createDeadLetters, refuseDeadLetters } from '../connectors/index.ts';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import { systemClock } from '#platform/clock.ts';
import { loadConfig } from '#platform/config.ts';
import { startHealth, type HealthOptions } from '#platform/health.ts';
import {
  assertCluster,
  createKafka,
  type Admin,
  type Kafka,
  type Producer,
} from '#platform/kafka.ts';
import { runProcess, untilAborted, type Lifecycle } from '#platform/lifecycle.ts';
import { createLogger } from '#platform/logger.ts';
import { createMetrics, type Metrics } from '#platform/metrics.ts';
import { packageVersion } from '#platform/package-version.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { CheckpointStore } from './checkpoint.ts';
import { startAnalyzer, type AnalyzerOptions } from './consume.ts';
import { crashAt } from './crash-point.ts';
import { ClickHouseHistory } from './history.ts';
import { createAnalyzerMetrics, type AnalyzerMetrics } from './metrics.ts';
import { Movement } from './movement.ts';
import { preparePublisher } from './running-publisher.ts';
import { producerOf, readRunningRules } from './running-rules.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { LatestCache } from './sink/cache-latest.ts';
import { GroupWriter } from './sink/group-writer.ts';
import { readNewest } from './sink/read-newest.ts';
import { producerId } from './sink/tables.ts';
import { watchMovement } from './watch-movement.ts';

const config = loadConfig();
const logger = createLogger('analyzer', config.LOG_LEVEL);

await runProcess(logger, async (lifecycle) => {
  const rules = await readRunningRules();
  const metrics = createMetrics('analyzer');

  const { client, redis } = await connectStores(lifecycle);
  const { kafka, admin, producer } = await connectKafka(lifecycle);
  const analyzerMetrics = createAnalyzerMetrics(metrics);
  const publisher = await preparePublisher({
    config,
    producer,
    rules,
    metrics: analyzerMetrics,
  });
  const history = new ClickHouseHistory({ client, producer: producerId(producerOf(rules)) });
  let crash: Error | null = null;
  const onCrash = (error: Error): void => {
    crash ??= error;
    lifecycle.stop();
  };
  const movement = new Movement(systemClock, {
    stalledMs: config.ANALYZER_STALLED_MS,
    stuckMs: config.ANALYZER_STUCK_MS,
  });
  const analyzer = await startAnalyzer({
    kafka,
    ...sinksOf({ client, redis }, rules, history, analyzerMetrics),
    publisher,
    deadLetters:
      config.ANALYZER_POISON === 'stop'
        ? refuseDeadLetters()
        : createDeadLetters(producer, `analyzer ${packageVersion()}`),
    partition: { rules, history },
    clock: systemClock,
    logger,
    metrics: analyzerMetrics,
    movement,
    checkpointMs: config.ANALYZER_CHECKPOINT_MS,
    sessionTimeoutMs: config.ANALYZER_SESSION_TIMEOUT_MS,
    rowsMax: config.ANALYZER_FLUSH_ROWS_MAX,
    reached: crashAt(config.CRASH_AT, () => process.kill(process.pid, 'SIGKILL')),
    onCrash,
  });
  lifecycle.onClose('consumer', () => analyzer.close());

  await openHealth(lifecycle, metrics, {
    consumer: analyzer.isReady,
    movement: () => movement.isMoving(),
    clickhouse: async () => (await client.ping()).success,
  });
  logger.info('analyzer started');
  const watching = { admin, movement, metrics: analyzerMetrics, logger };
  await watchMovement({ ...watching, onStuck: onCrash, signal: lifecycle.signal });
  await untilAborted(lifecycle.signal);
  if (crash !== null) throw crash;
});

/** Redis may be away: it only caches. */
async function connectStores(
  lifecycle: Lifecycle,
): Promise<{ client: ClickHouseClient; redis: Redis }> {
  const client = createClickHouse(clickHouseOptions(config, 'wickstream-analyzer'));
  lifecycle.onClose('clickhouse', () => client.close());
  const redis = createRedis(config, (error) => logger.debug({ err: error.message }, 'redis'));
  lifecycle.onClose('redis', async () => redis.disconnect());
  await redis.connect().catch((error: Error) => {
    logger.warn({ err: error.message }, 'redis is away; going on without its cache');
  });
  return { client, redis };
}

function sinksOf(
  { client, redis }: { readonly client: ClickHouseClient; readonly redis: Redis },
  rules: CompiledRuleSet,
  history: ClickHouseHistory,
  metrics: AnalyzerMetrics,
): Pick<AnalyzerOptions, 'writer' | 'latest' | 'checkpoints'> {
  const producer = producerOf(rules);
  const rowsEnough = config.ANALYZER_FLUSH_ROWS_MAX / 2;
  return {
    writer: new GroupWriter({ client, logger, producer, metrics, rowsEnough }),
    latest: new LatestCache({
      redis,
      logger,
      featureNames: rules.features.names,
      readNewest: (partitions) =>
        readNewest({ client, topic: TOPIC_CANDLES, producer, partitions }),
    }),
    checkpoints: new CheckpointStore({
      client,
      redis,
      logger,
      topic: TOPIC_CANDLES,
      rules,
      history,
    }),
  };
}

async function openHealth(
  lifecycle: Lifecycle,
  metrics: Metrics,
  checks: HealthOptions['checks'],
): Promise<void> {
  const health = await startHealth({
    host: config.HTTP_HOST,
    port: config.ANALYZER_HTTP_PORT,
    metrics,
    checks,
  });
  lifecycle.onClose('health', () => health.close());
}

/** The cluster that is meant, and no other that happens to answer. */
async function connectKafka(
  lifecycle: Lifecycle,
): Promise<{ kafka: Kafka; admin: Admin; producer: Producer }> {
  const kafka = createKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: 'wickstream-analyzer',
    logger,
  });
  const admin = kafka.admin();
  await admin.connect();
  await assertCluster(admin, config.KAFKA_CLUSTER_ID);
  lifecycle.onClose('kafka admin', () => admin.disconnect());
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  lifecycle.onClose('kafka producer', () => producer.disconnect());
  return { kafka, admin, producer };
}
