/** `wick status`: the pipeline through its stores, wherever they run. Exit 1 unless all of it works. */
import { connectorStatus, type ConnectorStatus } from '../../connectors/index.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import { loadConfig } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import { readCounts, type PipelineCounts } from '../pipeline/counts.ts';
import { openPipelineClients } from '../pipeline/pipeline-clients.ts';
import type { JsonFlag } from '../wick.ts';

interface StatusReport {
  readonly ok: boolean;
  readonly counts: PipelineCounts | null;
  readonly connector: ConnectorStatus | null;
  /** What does not work, in words. */
  readonly problems: readonly string[];
}

export async function status(options: JsonFlag): Promise<number> {
  const report = await readStatus();
  if (options.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(describe(report));
  return report.ok ? 0 : 1;
}

async function readStatus(): Promise<StatusReport> {
  const config = loadConfig();
  const problems: string[] = [];
  let connector: ConnectorStatus | null = null;
  let counts: PipelineCounts | null = null;
  try {
    connector = await connectorStatus({ url: config.CONNECT_URL }, CONNECTOR_NAME);
    if (connector.connector === 'absent') {
      problems.push(
        'the connector is not registered; run "wick connector activate" or the curl of the README',
      );
    } else if ([connector.connector, ...connector.tasks].some((state) => state !== 'RUNNING')) {
      problems.push(
        `the connector is ${connector.connector}, its tasks ${connector.tasks.join(', ') || 'none'}: ${connector.failure ?? 'no reason given'}`,
      );
    }
  } catch (error) {
    problems.push(errorText(error));
  }
  try {
    const clients = await openPipelineClients(config, createLogger('wick', 'fatal'));
    try {
      counts = await readCounts(clients);
      if (counts.slot === null) problems.push('there is no replication slot yet');
      else if (!counts.slot.active) problems.push('nobody reads the replication slot');
    } finally {
      await clients.close();
    }
  } catch (error) {
    problems.push(`a store does not answer: ${errorText(error)}`);
  }
  return { ok: problems.length === 0, counts, connector, problems };
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
          : `${counts.slot.active ? 'active' : 'idle'}, ${counts.slot.lagBytes} bytes to capture`,
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
