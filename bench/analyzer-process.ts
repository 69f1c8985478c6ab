/**
 * The analyzer as its own process on the bench's engines. In: a ClickHouse database to write to. Out:
 * the running process, when it had its partitions, how far it is. With `anew` its consumer group
 * begins again, so it takes the whole topic; otherwise it goes on where it stopped.
 */
import { readFile } from 'node:fs/promises';
import { CORE_V1 } from '../analyzer/features/sets/core-v1.ts';
import { featureViewSql } from '../analyzer/sink/feature-view.ts';
import { waitFor } from '../local/stack/wait.ts';
import type { PipelineClients } from '../scripts/pipeline/pipeline-clients.ts';
import { GROUP_ANALYZER } from '#core/contracts/names.ts';
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import { migrateClickHouse } from '#platform/migrate-clickhouse.ts';
import type { BenchStack } from './bench-stack.ts';
import { readLag } from './candle-topic.ts';

export interface AnalyzerProcess {
  readonly pid: number;
  /** A client on its database. */
  readonly clickhouse: ClickHouseClient;
  /** When its consumer got its partitions, epoch ms. */
  joinedAt(): Promise<number>;
  /** Resolves once every record of the topic is committed. */
  untilDrained(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

const ASSIGNED = /"time":(\d+).*"partitions assigned"/;
const POLL_MS = 10;

export async function startAnalyzerProcess(
  stack: BenchStack,
  clients: PipelineClients,
  {
    database,
    anew,
    env = {},
  }: {
    readonly database: string;
    readonly anew: boolean;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<AnalyzerProcess> {
  const options = { ...clickHouseOptions(stack.config, 'wickstream-bench'), database };
  if (anew) {
    await migrateClickHouse({ ...options, generated: [featureViewSql(CORE_V1)] });
    await forgetGroup(clients);
  }
  const clickhouse = createClickHouse(options);
  const running = await stack.spawnNode('analyzer', 'analyzer/main.ts', {
    env: { ...env, CLICKHOUSE_DATABASE: database },
    readyUrl: `http://127.0.0.1:${stack.config.ANALYZER_HTTP_PORT}/health/live`,
  });
  return {
    pid: running.pid,
    clickhouse,
    joinedAt: async () => {
      const found = await waitFor(
        async () => ASSIGNED.exec(await readFile(running.logFile, 'utf8'))?.[1],
        { what: 'the analyzer to have its partitions', timeoutMs: 30_000 },
      );
      return Number(found);
    },
    untilDrained: async (timeoutMs) => {
      const drained = async (): Promise<boolean> => (await readLag(clients, GROUP_ANALYZER)) === 0;
      await waitFor(drained, { what: 'the analyzer to drain', timeoutMs, intervalMs: POLL_MS });
    },
    stop: async () => {
      await running.stop();
      await clickhouse.close();
    },
  };
}

async function forgetGroup({ kafka }: PipelineClients): Promise<void> {
  const { groups } = await kafka.listGroups();
  if (groups.some(({ groupId }) => groupId === GROUP_ANALYZER)) {
    await kafka.deleteGroups([GROUP_ANALYZER]);
  }
}
