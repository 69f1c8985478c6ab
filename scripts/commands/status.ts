/** `wick status`: the pipeline through its stores, wherever they run. Exit 1 unless all of it works. */
import { connectorStatus, type ConnectorStatus } from '../../connectors/index.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { Config } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import type { Finding } from '../doctor/finding.ts';
import { checkCapture, judgeConnector, judgeCounts, judgeStores } from '../doctor/pipeline.ts';
import { readCounts, type PipelineCounts, type SlotState } from '../pipeline/counts.ts';
import { findDivergence } from '../pipeline/divergence.ts';
import { openPipelineClients } from '../pipeline/pipeline-clients.ts';
import { findSilent, listStores, type Store } from '../pipeline/reachable.ts';
import { describeBytes } from './amounts.ts';
import type { JsonFlag } from './flags.ts';
import { commandConfig } from './command-config.ts';

interface StatusReport {
  readonly ok: boolean;
  readonly counts: PipelineCounts | null;
  readonly connector: ConnectorStatus | null;
  /** What does not work, in words. */
  readonly problems: readonly string[];
}

export async function status(options: JsonFlag): Promise<number> {
  const report = await readStatus().catch((error: unknown) => {
    if (options.json !== true || !(error instanceof AppError)) throw error;
    return { ok: false, counts: null, connector: null, problems: [error.message] };
  });
  if (options.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(describe(report));
  return report.ok ? 0 : 1;
}

async function readStatus(): Promise<StatusReport> {
  const config = commandConfig();
  const silent = await findSilent(config);
  if (silent.length === listStores(config).length) {
    throw new AppError(
      'WICK_LOCAL_NOT_RUNNING',
      'Nothing is running here: no store answers; start the embedded stack with "npm start", or the containers with "docker compose up -d"',
    );
  }
  const problems = silent.map(({ store, address }) => `${store} does not answer at ${address}`);
  const answers = (store: Store['store']): boolean => !silent.some((each) => each.store === store);
  const connector = answers('Kafka Connect')
    ? await readOr(problems, () => connectorStatus({ url: config.CONNECT_URL }, CONNECTOR_NAME))
    : null;
  const pipeline =
    answers('Postgres') && answers('Kafka') && answers('ClickHouse')
      ? await readOr(problems, () => readPipeline(config))
      : null;
  const findings = [
    ...(connector === null ? [] : [judgeConnector(connector)]),
    ...(pipeline?.findings ?? []),
  ];
  for (const { check, ok, found, advice } of findings) {
    if (!ok) problems.push(`${check}: ${found}; ${advice}`);
  }
  return { ok: problems.length === 0, counts: pipeline?.counts ?? null, connector, problems };
}

/** What `read` gives, or null and its reason among the problems. */
async function readOr<T>(problems: string[], read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    problems.push(errorText(error));
    return null;
  }
}

async function readPipeline(
  config: Config,
): Promise<{ readonly counts: PipelineCounts; readonly findings: readonly Finding[] }> {
  const clients = await openPipelineClients(config, createLogger('wick', 'silent'));
  try {
    const counts = await readCounts(clients);
    const stores = judgeStores(await findDivergence(clients), counts.slot);
    const capture = await checkCapture(config, clients);
    return { counts, findings: [...judgeCounts(counts), ...capture, ...stores] };
  } finally {
    await clients.close();
  }
}

function describe({ counts, connector, problems }: StatusReport): string {
  const rows: [string, string][] = [];
  if (connector !== null)
    rows.push([
      'connector',
      `${connector.connector}, tasks ${connector.tasks.join(', ') || 'none'}`,
    ]);
  if (counts !== null) {
    rows.push(
      ['postgres', `${counts.postgresCandles} closed candles`],
      [
        'slot',
        counts.slot === null
          ? 'none'
          : `${slotWord(counts.slot)}, ${describeBytes(counts.slot.lagBytes)} of WAL to capture`,
      ],
      ['kafka', `${counts.changes} changes, ${counts.lag} to analyse`],
      [
        'clickhouse',
        `${counts.candles} candles, ${counts.features} features, ${counts.signals} signals`,
      ],
    );
  }
  for (const problem of problems) rows.push(['problem', problem]);
  return `${rows.map(([name, text]) => `${name.padEnd(12)}${text}`).join('\n')}\n`;
}

function slotWord({ active, lost }: SlotState): string {
  if (lost !== null) return 'lost';
  return active ? 'active' : 'idle';
}
