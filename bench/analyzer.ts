/**
 * Candles a second through the real analyzer process, Kafka to durable ClickHouse rows and committed
 * offsets, beside bare kafkajs consumption of the very same topic. Each side is a fresh process, runs
 * alone, takes the whole topic once, and is timed from its assignment of partitions. They take turns. The
 * analyzer that keeps features and signals to itself shows what telling them costs.
 */
import { Type } from 'typebox';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import { createRedis } from '#platform/redis.ts';
import { startAnalyzerProcess } from './analyzer-process.ts';
import { fillTopic } from './candle-topic.ts';
import { runForJson } from './child-json.ts';
import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
import { cpuSeconds } from './process-cpu.ts';
import { spreadOf } from './statistics.ts';

const RUNS = 3;
const RUN_TIMEOUT_MS = 120_000;
/** kafkajs with JSON.parse of 616-byte values, second pass. */
const PUBLISHED_RAW = 317_000;
const SHARE_MIN = 0.3;

const RawResult = Type.Object({
  records: Type.Integer(),
  seconds: Type.Number(),
  cpuSeconds: Type.Number(),
});

export async function analyzerBench(context: BenchContext): Promise<Measured[]> {
  const { records, candles } = await context.once(fillTopic);
  const ours: number[] = [];
  const silent: number[] = [];
  const raw: number[] = [];
  for (let run = 1; run <= RUNS; run += 1) {
    context.signal.throwIfAborted();
    if (run % 2 === 1) raw.push(await consumeRaw(context, records));
    ours.push(await analyse(context, candles, { run, publish: 'on' }));
    silent.push(await analyse(context, candles, { run, publish: 'off' }));
    if (run % 2 === 0) raw.push(await consumeRaw(context, records));
  }
  return [
    {
      bench: 'analyzer',
      name: `Kafka to ClickHouse, ${records} records`,
      unit: 'candles/s',
      spread: spreadOf(ours),
      baseline: { name: 'kafkajs + JSON.parse', spread: spreadOf(raw), published: PUBLISHED_RAW },
      bar: { kind: 'share_min', share: SHARE_MIN },
    },
    {
      bench: 'analyzer',
      name: 'the same with ANALYZER_PUBLISH=off',
      unit: 'candles/s',
      spread: spreadOf(silent),
      baseline: null,
      bar: null,
    },
  ];
}

async function consumeRaw(context: BenchContext, records: number): Promise<number> {
  const { config } = await context.stack();
  const result = await runForJson('bench/processes/raw-consumer.ts', {
    args: [
      '--brokers',
      config.KAFKA_BROKERS,
      '--topic',
      TOPIC_CANDLES,
      '--records',
      String(records),
    ],
    schema: RawResult,
    timeoutMs: RUN_TIMEOUT_MS,
    signal: context.signal,
  });
  context.say(
    `analyzer: raw ${result.seconds.toFixed(2)} s, CPU ${result.cpuSeconds.toFixed(2)} s`,
  );
  return result.records / result.seconds;
}

async function analyse(
  context: BenchContext,
  candles: number,
  { run, publish }: { readonly run: number; readonly publish: 'on' | 'off' },
): Promise<number> {
  const stack = await context.stack();
  const clients = await stack.pipeline();
  await dropCaches(context);
  const engine = stack.pid('clickhouse') ?? 0;
  const engineBefore = await cpuSeconds(engine);
  const analyzer = await startAnalyzerProcess(stack, clients, {
    database: `bench_analyzer_${publish}_${run}`,
    anew: true,
    env: { ANALYZER_PUBLISH: publish },
  });
  try {
    const joinedAt = await analyzer.joinedAt();
    await analyzer.untilDrained(RUN_TIMEOUT_MS);
    const seconds = (Date.now() - joinedAt) / 1000;
    const cpu = [await cpuSeconds(analyzer.pid), await cpuSeconds(engine)];
    await assertComplete(analyzer.clickhouse, candles);
    context.say(
      `analyzer, messages ${publish}: ${seconds.toFixed(2)} s, CPU ${cpu[0]?.toFixed(2)} s, of ClickHouse ${((cpu[1] ?? 0) - (engineBefore ?? 0)).toFixed(2)} s`,
    );
    return candles / seconds;
  } finally {
    await analyzer.stop();
  }
}

/** A run must not find the states of the one before. */
async function dropCaches(context: BenchContext): Promise<void> {
  const { config } = await context.stack();
  const redis = createRedis(config, () => undefined);
  await redis.connect();
  await redis.flushall();
  redis.disconnect();
}

/** A fast run that lost rows is no run. */
async function assertComplete(
  clickhouse: Parameters<typeof readRows>[0],
  candles: number,
): Promise<void> {
  const rows = await readRows<{ n: string }>(
    clickhouse,
    'select toString(count()) as n from signals final',
  );
  if (Number(rows[0]?.n) !== candles) {
    throw new Error(`the analyzer wrote ${rows[0]?.n} signals for ${candles} candles`);
  }
}
