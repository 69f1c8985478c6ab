/** `--once`: wait until drained, prove that the stores agree, print the summary. */
import type { PipelineClients } from '../pipeline/pipeline-clients.ts';
import { readMemory } from '../pipeline/memory.ts';
import { OF_RULE_SET } from '../../proof/produced-by.ts';
import { readRows } from '#platform/clickhouse.ts';
import { drain, type DrainReport } from './drain.ts';
import { describeCounts } from './live-view.ts';
import { describeLosses, readLosses } from './losses.ts';
import { collectedOf, readReplay } from './replay.ts';
import type { Screen } from './screen.ts';
import type { RunningStack } from './start-stack.ts';
import type { Style } from './style.ts';

export interface RunOnceOptions {
  readonly stack: RunningStack;
  readonly clients: PipelineClients;
  readonly screen: Screen;
  readonly style: Style;
  /** `performance.now()` of the command's start and of readiness. */
  readonly startedAt: number;
  readonly readyAt: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  readonly json: boolean;
  /** Takes the summary, to be printed once everything has stopped. */
  readonly report: (text: string) => void;
}

export interface OnceSummary {
  readonly postgres: { readonly candles: number };
  readonly kafka: { readonly changes: number };
  readonly clickhouse: {
    readonly candles: number;
    readonly features: number;
    readonly signals: number;
  };
  /** Buckets of series and day that differ. */
  readonly mismatches: number;
  readonly series: number;
  readonly seconds: {
    readonly ready: number;
    readonly firstSignal: number | null;
    readonly drained: number;
  };
  readonly memoryMb: Readonly<Record<string, number>>;
}

const PROGRESS_MS = 2_000;
const MISMATCHES_SHOWN = 20;
const ROW_CHARACTERS_MAX = 64;

/**
 * @returns the exit code: 0 only when everything was collected, no series is missing and the stores
 * agree.
 */
export async function runOnce(options: RunOnceOptions): Promise<number> {
  const { stack, clients, screen, say } = options;
  const replay = collectedOf(await readReplay(stack.ports.venue), stack.data);
  let saidAt = 0;
  const report = await drain({
    clients,
    replay,
    signal: options.signal,
    onCounts: (counts) => {
      if (screen.live && !options.signal.aborted)
        screen.draw(['', options.style.dim(`  ${describeCounts(counts)}`)]);
      if (screen.live || performance.now() - saidAt < PROGRESS_MS) return;
      saidAt = performance.now();
      say(describeCounts(counts));
    },
    onTrouble: (reason) => say(`waiting: ${reason}`),
  });
  screen.draw([]);
  const memory = await readMemory(new Map([...stack.supervisor.pids(), ['wick', process.pid]]));
  const summary = summarise(options, report, ownMemory(memory));
  const losses = await readLosses(clients.pool, replay);
  const text = options.json ? `${JSON.stringify(summary)}\n` : await describe(clients, summary);
  // What can fail lies behind: a result is not followed by an error.
  options.report(text);
  for (const { bucket, what } of report.reconciled.mismatches.slice(0, MISMATCHES_SHOWN)) {
    say(`differs: ${bucket}: ${what}`);
  }
  for (const series of report.uncollected)
    say(`not collected to its end: ${series}; see scheduler.log`);
  for (const line of describeLosses(losses, report.counts.deadLetters)) say(line);
  const isWhole = report.uncollected.length === 0 && losses.missing.length === 0;
  return summary.mismatches === 0 && isWhole ? 0 : 1;
}

/** The services are children of the supervisor: count them under their own names only. */
function ownMemory(memory: Readonly<Record<string, number>>): Record<string, number> {
  const { wick = 0, ...services } = memory;
  const sum = Object.values(services).reduce((total, mib) => total + mib, 0);
  return { total: wick, ...services, wick: Math.max(0, wick - sum) };
}

function summarise(
  options: RunOnceOptions,
  report: DrainReport,
  memoryMb: Readonly<Record<string, number>>,
): OnceSummary {
  const seconds = (at: number): number => Math.round((at - options.startedAt) / 10) / 100;
  const { counts, reconciled, firstSignalAt, drainedAt } = report;
  return {
    postgres: { candles: counts.postgresCandles },
    kafka: { changes: counts.changes },
    clickhouse: { candles: counts.candles, features: counts.features, signals: counts.signals },
    mismatches: reconciled.mismatches.length,
    series: reconciled.series,
    seconds: {
      ready: seconds(options.readyAt),
      firstSignal: firstSignalAt === null ? null : seconds(firstSignalAt),
      drained: seconds(drainedAt),
    },
    memoryMb,
  };
}

async function describe(clients: PipelineClients, summary: OnceSummary): Promise<string> {
  const decisions = await readRows<{ what: string; n: string }>(
    clients.clickhouse,
    `select ifNull(decision, status) as what, toString(count()) as n
     from signals final where ${OF_RULE_SET} group by what order by what`,
    { ...clients.producer },
  );
  const quarantined = await clients.pool.query<{ n: string }>(
    'select count(*) as n from market.quarantine where redriven_at is null',
  );
  const { postgres, kafka, clickhouse, seconds, memoryMb } = summary;
  const rows: [string, string][] = [
    [
      'postgres',
      `${postgres.candles} closed candles, ${quarantined.rows[0]?.n ?? 0} rows in quarantine`,
    ],
    ['kafka', `${kafka.changes} changes`],
    [
      'clickhouse',
      `${clickhouse.candles} candles, ${clickhouse.features} features, ${clickhouse.signals} signals`,
    ],
    ['decisions', decisions.map(({ what, n }) => `${what} ${n}`).join(', ')],
    ['reconciled', `${summary.series} series by day: ${summary.mismatches} buckets differ`],
    [
      'seconds',
      `ready ${seconds.ready}, first signal ${seconds.firstSignal ?? 'none'}, drained ${seconds.drained}`,
    ],
    ...wrapped('memory', memoryParts(memoryMb)),
  ];
  return `\n${rows.map(([name, text]) => `  ${name.padEnd(12)}${text}`).join('\n')}\n\n`;
}

function memoryParts(memoryMb: OnceSummary['memoryMb']): string[] {
  return Object.entries(memoryMb).map(([name, mib]) =>
    name === 'total' ? `total ${mib} MiB` : `${name} ${mib}`,
  );
}

/** As many rows as a terminal of 80 columns needs, the name before the first. */
function wrapped(name: string, parts: readonly string[]): [string, string][] {
  const rows: string[] = [];
  for (const part of parts) {
    const longer = rows.length === 0 ? part : `${rows.at(-1)}, ${part}`;
    if (rows.length > 0 && longer.length <= ROW_CHARACTERS_MAX) rows[rows.length - 1] = longer;
    else rows.push(part);
  }
  return rows.map((row, at) => [at === 0 ? name : '', row]);
}
