/** F15: links between two parts that are cut, or swallow everything. */
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { waitFor } from '../../../local/stack/wait.ts';
import { connectorRuns, streamIsStored } from '../../support/connector.ts';
import { untilConsumed } from '../../support/settle.ts';
import { startTcpProxy, type LineState } from '../../support/tcp-proxy.ts';
import type { Fault, World } from '../run-fault.ts';

const HOLD_MS = 4_000;

/** Lets time pass on a broken line; nothing is asserted about how much. */
async function hold(ms: number): Promise<void> {
  const until = Date.now() + ms;
  const over = async (): Promise<boolean> => Promise.resolve(Date.now() >= until);
  await waitFor(over, { what: `${ms} ms to pass`, timeoutMs: ms + 10_000 });
}

/** The analyzer's line to one of its stores, broken twice under load. */
function storeLink(
  variable: 'CLICKHOUSE_PORT' | 'REDIS_PORT',
  state: Exclude<LineState, 'up'>,
): Fault {
  return {
    id: 'F15',
    variant: `${variable === 'REDIS_PORT' ? 'redis' : 'clickhouse'}-line-${state}`,
    run: async (world) => {
      const { pipeline, workload, dice, onEnd, startAnalyzer, stopAnalyzers } = world;
      const proxy = await startTcpProxy(pipeline.config[variable]);
      onEnd(() => proxy.close());
      await startAnalyzer({ [variable]: String(proxy.port) });
      await workload.grow(6);
      await untilConsumed(pipeline);
      const going = workload.keepGoing();
      for (let round = 0; round < 2; round += 1) {
        await workload.more(4 + dice.roll(20));
        proxy.set(state);
        await hold(HOLD_MS);
        proxy.set('up');
        await workload.more(10);
      }
      await going.stop();
      await untilConsumed(pipeline);
      if (variable === 'REDIS_PORT') {
        await stopAnalyzers();
        await startAnalyzer();
      }
    },
  };
}

/** Debezium's line to Postgres. */
function captureLink(state: Exclude<LineState, 'up'>): Fault {
  return {
    id: 'F15',
    variant: `capture-line-${state}`,
    run: async (world) => {
      const { pipeline, dice, onEnd } = world;
      const proxy = await startTcpProxy(pipeline.config.DB_PORT);
      onEnd(async () => {
        proxy.set('up');
        await pipeline.activate();
        await proxy.close();
      });
      await pipeline.activate({
        config: { 'database.hostname': '127.0.0.1', 'database.port': String(proxy.port) },
      });
      await breakOnce(
        world,
        () => proxy.set(state),
        () => proxy.set('up'),
        4 + dice.roll(20),
      );
    },
  };
}

async function breakOnce(
  { pipeline, workload, startAnalyzer }: World,
  cut: () => void,
  mend: () => void,
  transactions: number,
): Promise<void> {
  await startAnalyzer();
  await workload.grow(6);
  await untilConsumed(pipeline);
  await streamIsStored(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
  const going = workload.keepGoing({ isTolerant: true });
  await workload.more(transactions);
  cut();
  await hold(HOLD_MS);
  mend();
  await workload.more(10);
  await going.stop();
  await connectorRuns(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
}

export const LINKS: readonly Fault[] = [
  storeLink('CLICKHOUSE_PORT', 'down'),
  storeLink('CLICKHOUSE_PORT', 'silent'),
  storeLink('REDIS_PORT', 'down'),
  captureLink('down'),
];
