/**
 * `wick doctor`: what the stack needs and how it is, each finding with what to do. In a checkout it
 * looks at the machine and the embedded stack; in the image, which holds neither, at the pipeline.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '#platform/config.ts';
import { bad, good, type Finding } from '../doctor/finding.ts';
import { checkPipeline } from '../doctor/pipeline.ts';
import type { Machine } from '../doctor/machine.ts';
import type { JsonFlag } from './flags.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const NODE_MAJOR = 24;

export async function doctor(options: JsonFlag): Promise<number> {
  const findings = [
    checkNode(process.version),
    ...(existsSync(join(CHECKOUT, 'local', 'stack'))
      ? await examineEmbedded()
      : await checkPipeline(loadConfig())),
  ];
  const ok = findings.every((finding) => finding.ok);
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ ok, findings })}\n` : describe(findings),
  );
  return ok ? 0 : 1;
}

function describe(findings: readonly Finding[]): string {
  return findings
    .map(({ check, ok, found, advice }) => {
      const line = `${ok ? 'ok  ' : 'BAD '} ${check.padEnd(12)} ${found}\n`;
      return advice === null ? line : `${line}${''.padEnd(18)}→ ${advice}\n`;
    })
    .join('');
}

/** @param version as `process.version` has it. */
export function checkNode(version: string): Finding {
  const major = Number(version.replace('v', '').split('.')[0]);
  return major >= NODE_MAJOR
    ? good('node', version)
    : bad(
        'node',
        version,
        `run through npm ("npm start"), which brings Node ${NODE_MAJOR}, or install Node ${NODE_MAJOR}`,
      );
}

/** The machine, and the stack when it runs. */
export async function examineEmbedded(
  env?: Readonly<Record<string, string | undefined>>,
  machine?: Machine,
): Promise<Finding[]> {
  const { stackEnvironment } = await import('../../local/stack/environment.ts');
  const { readPidFile } = await import('../../local/stack/pid-file.ts');
  const { checkMachine, checkServices } = await import('../doctor/machine.ts');
  const { stackLayout } = await import('../stack/start-stack.ts');
  const { supervisorPidFile } = await import('../stack/stop-stack.ts');
  const variables = env ?? stackEnvironment();
  const layout = stackLayout(CHECKOUT, variables);
  const running = (await readPidFile(supervisorPidFile(layout))) !== null;
  const findings = await checkMachine(layout, variables, running, machine);
  if (!running) return findings;
  const config = loadConfig({ env: {}, envFile: layout.envFile });
  const portOf = (url: string): number => Number(new URL(url).port);
  const venue = new URL(config.BINANCE_FUTURES_URL);
  findings.push(
    ...(await checkServices(layout, {
      postgres: config.DB_PORT,
      redis: config.REDIS_PORT,
      clickhouse: config.CLICKHOUSE_PORT,
      kafka: portOf(`http://${config.KAFKA_BROKERS}`),
      connect: portOf(config.CONNECT_URL),
      registry: portOf(config.SCHEMA_REGISTRY_URL),
      // With --live there is none of ours.
      venue: venue.hostname === '127.0.0.1' ? Number(venue.port) : null,
      analyzer: config.ANALYZER_HTTP_PORT,
      scheduler: config.SCHEDULER_HTTP_PORT,
      watchdog: config.WATCHDOG_HTTP_PORT,
    })),
    ...(await checkPipeline(config)),
  );
  return findings;
}
