/** `wick migrate` and `wick bootstrap`. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, errorText } from '#core/errors.ts';
import { createCommandLogger } from '../pipeline/command-logger.ts';
import { bootstrapPipeline, type BootstrapReport } from '../pipeline/bootstrap.ts';
import { findSilent } from '../pipeline/reachable.ts';
import type { JsonFlag } from './flags.ts';
import { commandConfig } from './command-config.ts';

const WAIT_MS_MAX = 120_000;
const WAIT_STEP_MS = 2_000;
/** Stores that hold something of ours from the start. */
const NEEDED: ReadonlySet<string> = new Set(['Postgres', 'Kafka', 'Schema registry', 'ClickHouse']);

export async function migrate(options: JsonFlag): Promise<void> {
  const config = commandConfig();
  print(await bootstrapPipeline(config, createCommandLogger(config)), options);
}

/** Waits for stores that do not answer yet; what waiting cannot heal fails at once. */
export async function bootstrap(options: JsonFlag): Promise<void> {
  const config = commandConfig();
  const logger = createCommandLogger(config);
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const silent = (await findSilent(config)).filter(({ store }) => NEEDED.has(store));
    if (silent.length === 0) break;
    const names = silent.map(({ store, address }) => `${store} at ${address}`).join(', ');
    if (performance.now() > deadline) {
      throw new AppError(
        'WICK_STORE_UNREACHABLE',
        `Waited ${WAIT_MS_MAX / 1000} s for ${names}; start what is missing and run the command again`,
      );
    }
    process.stderr.write(`waiting for ${names}\n`);
    await delay(WAIT_STEP_MS);
  }
  for (;;) {
    try {
      print(await bootstrapPipeline(config, logger), options);
      return;
    } catch (error) {
      // A port may answer before the store behind it does.
      const hopeless = error instanceof AppError && !error.retryable;
      if (hopeless || performance.now() > deadline) throw error;
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
