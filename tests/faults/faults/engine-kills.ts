/** F2, F5, F6, F8, F9: engines that are killed, or are away, under a workload that goes on. */
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { waitFor } from '../../../local/stack/wait.ts';
import { connectorRuns, streamIsStored } from '../../support/connector.ts';
import { untilConsumed } from '../../support/settle.ts';
import type { Fault, World } from '../run-fault.ts';

const KILLS = 3;
const AWAY_TRANSACTIONS = 150;

/** The connector has a place in the stream to go on from, and the analyzer works. */
async function begin(world: World): Promise<void> {
  const { pipeline, workload, startAnalyzer } = world;
  await startAnalyzer();
  await workload.grow(6);
  await untilConsumed(pipeline);
  await streamIsStored(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
}

/** F5: Connect is killed, and sends again what it had not confirmed. */
export const CONNECT_KILLED: Fault = {
  id: 'F5',
  variant: 'connect-killed',
  run: async (world) => {
    const { pipeline, workload, dice } = world;
    await begin(world);
    const going = workload.keepGoing();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await workload.more(5 + dice.roll(30));
      await pipeline.engines.keeper.kill('connect');
      await workload.more(5);
      await pipeline.engines.keeper.start('connect');
      await connectorRuns(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
    }
    await going.stop();
    world.note('kills', KILLS);
  },
};

/** F8: ClickHouse is killed while it is written to. Merges are on again after that. */
export const CLICKHOUSE_KILLED: Fault = {
  id: 'F8',
  variant: 'clickhouse-killed',
  run: async (world) => {
    const { pipeline, workload, dice } = world;
    await begin(world);
    const going = workload.keepGoing();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await workload.more(5 + dice.roll(30));
      await pipeline.engines.keeper.kill('clickhouse');
      await pipeline.engines.keeper.start('clickhouse');
      await workload.more(10);
    }
    await going.stop();
  },
};

/** F9, a short one: ClickHouse is away until the analyzer has given up; then both come back. */
export const CLICKHOUSE_AWAY: Fault = {
  id: 'F9',
  variant: 'clickhouse-away',
  run: async (world) => {
    const { pipeline, workload, note, startAnalyzer } = world;
    const doomed = await startAnalyzer();
    await workload.grow(6);
    await untilConsumed(pipeline);
    await pipeline.engines.keeper.stop('clickhouse');
    const from = Date.now();
    const going = workload.keepGoing();
    const { code } = await doomed.ended();
    if (code !== 1) throw new Error(`the analyzer ended with exit code ${code}, not 1`);
    await workload.more(AWAY_TRANSACTIONS);
    note('away, ms', Date.now() - from);
    await pipeline.engines.keeper.start('clickhouse');
    await startAnalyzer();
    await going.stop();
  },
};

/** F6: the broker is killed while both sides work with it, and comes back with its data. */
export const BROKER_KILLED: Fault = {
  id: 'F6',
  variant: 'broker-killed',
  run: async (world) => {
    const { pipeline, workload, dice, note, startAnalyzer } = world;
    const first = await startAnalyzer();
    await workload.grow(6);
    await untilConsumed(pipeline);
    await streamIsStored(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
    const going = workload.keepGoing();
    await workload.more(5 + dice.roll(30));
    await pipeline.engines.keeper.kill('kafka');
    await workload.more(10);
    await pipeline.engines.keeper.start('kafka');
    await connectorRuns(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
    await workload.more(20);
    await going.stop();
    // It may have given up, as it should; a supervisor starts it again.
    const isOver = await untilEither(world, () => !first.isRunning());
    note('analyzer', isOver ? 'ended, and was started again' : 'went on');
    if (isOver) {
      const { code } = await first.ended();
      if (code !== 1) throw new Error(`the analyzer ended with exit code ${code}, not 1`);
      await startAnalyzer();
    }
  },
};

/** @returns true once the analyzer is over, false once everything is consumed. */
async function untilEither(world: World, isOver: () => boolean): Promise<boolean> {
  const consumed = untilConsumed(world.pipeline).then(() => false);
  const over = waitFor(async () => Promise.resolve(isOver()), {
    what: 'the analyzer to end or to go on',
    timeoutMs: 90_000,
  });
  const first = await Promise.race([consumed, over]);
  consumed.catch(() => undefined);
  over.catch(() => undefined);
  return first;
}

/** F2: Postgres is killed between the first row of a load and its commit, again and again. */
export const POSTGRES_KILLED: Fault = {
  id: 'F2',
  variant: 'postgres-killed',
  run: async (world) => {
    const { pipeline, workload, dice, note } = world;
    await begin(world);
    const going = workload.keepGoing({ isTolerant: true });
    await workload.more(5 + dice.roll(30));
    await pipeline.engines.keeper.kill('postgres');
    await pipeline.engines.keeper.start('postgres');
    await workload.more(10);
    await connectorRuns(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
    await going.stop();
    note('writes of unknown outcome', workload.unsure.size);
  },
};
