/** F14 and F24: everything sent again while changes stream; Redis emptied, gone, or damaged. */
import { randomUUID } from 'node:crypto';
import { CONNECTOR_NAME, REDIS_KEYS, TOPIC_CDC_NOTIFICATIONS } from '#core/contracts/names.ts';
import { waitFor } from '../../../local/stack/wait.ts';
import { streamIsStored } from '../../support/connector.ts';
import { untilConsumed } from '../../support/settle.ts';
import { readRaw } from '../letter-check.ts';
import type { Fault, World } from '../run-fault.ts';

/** F14: an incremental snapshot of all candles, with the workload going on. */
export const SENT_AGAIN: Fault = {
  id: 'F14',
  variant: 'snapshot-while-streaming',
  run: async (world) => {
    const { pipeline, workload, startAnalyzer } = world;
    await startAnalyzer();
    await workload.grow(40);
    await untilConsumed(pipeline);
    await streamIsStored(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
    const going = workload.keepGoing();
    const id = randomUUID();
    await pipeline.pool.query(
      `insert into market.cdc_signal (id, type, data) values ($1, 'execute-snapshot', $2)`,
      [id, JSON.stringify({ type: 'incremental', 'data-collections': ['market.candles'] })],
    );
    const completed = async (): Promise<boolean> =>
      (await readRaw(pipeline, TOPIC_CDC_NOTIFICATIONS)).some(({ value }) => {
        const text = value?.toString('utf8') ?? '';
        return text.includes(id) && text.includes('"COMPLETED"');
      });
    await waitFor(completed, { what: 'the snapshot to end', timeoutMs: 60_000, intervalMs: 500 });
    await going.stop();
  },
};

async function working({
  workload,
  pipeline,
  startAnalyzer,
}: World): Promise<{ stop(): Promise<void> }> {
  await startAnalyzer();
  await workload.grow(6);
  await untilConsumed(pipeline);
  return workload.keepGoing();
}

/** F24: the cache is emptied in mid-work. */
export const REDIS_EMPTIED: Fault = {
  id: 'F24',
  variant: 'redis-emptied',
  run: async (world) => {
    const going = await working(world);
    for (let round = 0; round < 3; round += 1) {
      await world.workload.more(5 + world.dice.roll(20));
      await world.pipeline.redis.flushall();
    }
    await going.stop();
    // Latest values come back with the next change of a series, or with the next analyzer.
    await untilConsumed(world.pipeline);
    await restart(world);
  },
};

/** F24: Redis is killed, and comes back empty or not. */
export const REDIS_KILLED: Fault = {
  id: 'F24',
  variant: 'redis-killed',
  run: async (world) => {
    const going = await working(world);
    await world.workload.more(5 + world.dice.roll(20));
    await world.pipeline.engines.keeper.kill('redis');
    await world.workload.more(20);
    await world.pipeline.engines.keeper.start('redis');
    await world.workload.more(20);
    await going.stop();
    await untilConsumed(world.pipeline);
    await restart(world);
  },
};

/** F24: something else wrote to the keys that the analyzer uses. */
export const REDIS_WRONG_TYPE: Fault = {
  id: 'F24',
  variant: 'redis-wrong-type',
  run: async (world) => {
    const { pipeline, workload } = world;
    const going = await working(world);
    await workload.more(10);
    for (const symbol of workload.symbols) {
      const key = `binance-futures|perp|${symbol}|1m`;
      await pipeline.redis.set(REDIS_KEYS.latest(key), 'not a hash');
      await pipeline.redis.del(REDIS_KEYS.state(key));
      await pipeline.redis.hset(REDIS_KEYS.state(key), 'not', 'a string');
    }
    await workload.more(20);
    await going.stop();
    await untilConsumed(pipeline);
    await restart(world);
  },
};

/** The one that works ends in order, and the next one tells the latest values. */
async function restart(world: World): Promise<void> {
  await world.stopAnalyzers();
  await world.startAnalyzer();
}
