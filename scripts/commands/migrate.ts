/** `wick migrate` and `wick bootstrap`. */
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '#core/errors.ts';
import { loadConfig } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import { bootstrapPipeline, type BootstrapReport } from '../pipeline/bootstrap.ts';
import type { JsonFlag } from '../wick.ts';

const WAIT_MS_MAX = 120_000;
const WAIT_STEP_MS = 2_000;

export async function migrate(options: JsonFlag): Promise<void> {
  const config = loadConfig();
  print(await bootstrapPipeline(config, createLogger('wick', config.LOG_LEVEL)), options);
}

export async function bootstrap(options: JsonFlag): Promise<void> {
  const config = loadConfig();
  const logger = createLogger('wick', config.LOG_LEVEL);
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    try {
      print(await bootstrapPipeline(config, logger), options);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      process.stderr.write(`waiting for the stores: ${errorText(error)}\n`);
      await delay(WAIT_STEP_MS);
    }
  }
}

function print(report: BootstrapReport, options: JsonFlag): void {
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const line = (name: string, made: readonly string[]): string =>
    `${name.padEnd(11)} ${made.length === 0 ? 'up to date' : made.join(', ')}\n`;
  process.stdout.write(
    line('postgres', report.postgres) +
      line('topics', report.topics) +
      line('clickhouse', report.clickhouse),
  );
}
