/**
 * Restarts the connector's failed task: after an outage of Postgres or Kafka, Connect leaves a task
 * failed for good. Called now and then; does nothing while the task runs.
 */
import { connectorStatus, restartFailed } from '../../connectors/index.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import type { Config } from '#platform/config.ts';

export function connectorKeeper(
  config: Pick<Config, 'CONNECT_URL'>,
  say: (line: string) => void,
): () => Promise<void> {
  const endpoint = { url: config.CONNECT_URL, timeoutMs: 5_000 };
  return async () => {
    try {
      const { connector, tasks, failure } = await connectorStatus(endpoint, CONNECTOR_NAME);
      if (connector === 'absent' || ![connector, ...tasks].includes('FAILED')) return;
      say(`connector failed (${failure ?? 'no reason given'}); restarting it`);
      await restartFailed(endpoint, CONNECTOR_NAME);
    } catch (error) {
      // Connect itself is away or rebalancing: the next call looks again.
      if (!(error instanceof AppError)) throw error;
    }
  };
}
