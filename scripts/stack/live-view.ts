/** The pipeline at work: a table that redraws on a terminal, a line now and then elsewhere. */
import { setTimeout as delay } from 'node:timers/promises';
import { readRows } from '#platform/clickhouse.ts';
import { errorText } from '#core/errors.ts';
import { readCounts, type PipelineCounts } from '../pipeline/counts.ts';
import type { PipelineClients } from '../pipeline/pipeline-clients.ts';
import { readReplay } from './replay.ts';
import type { RunningStack } from './start-stack.ts';

export interface LiveOptions {
  readonly stack: RunningStack;
  readonly clients: PipelineClients;
  readonly say: (line: string) => void;
  readonly keepConnector: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly recorded: boolean;
}

interface NewestSignal {
  readonly series: string;
  readonly open_time: string;
  readonly decision: string;
  readonly long: string;
  readonly short: string;
  readonly fired: string;
}

const REFRESH_MS = 1_000;
const PLAIN_REFRESH_MS = 10_000;
const KEEP_EVERY = 5;
const SIGNALS_SHOWN = 6;
const BOLD = '\u001b[1m';
const DIM = '\u001b[2m';
const PLAIN = '\u001b[0m';

/** Runs until the signal is aborted. */
export async function showLive(options: LiveOptions): Promise<number> {
  const terminal = process.stdout.isTTY;
  let drawn = 0;
  for (let round = 0; !options.signal.aborted; round += 1) {
    try {
      const lines = await frame(options, terminal);
      if (terminal) {
        process.stdout.write(
          `${drawn > 0 ? `\u001b[${drawn}A\u001b[J` : '\n'}${lines.join('\n')}\n`,
        );
        drawn = lines.length;
      } else {
        options.say(lines.join(' · '));
      }
    } catch (error) {
      // An engine is being started again; the table waits for it.
      drawn = 0;
      options.say(`waiting: ${errorText(error)}`);
    }
    if (round % KEEP_EVERY === 0) await options.keepConnector();
    await delay(terminal ? REFRESH_MS : PLAIN_REFRESH_MS, undefined, {
      signal: options.signal,
    }).catch((error: Error) => {
      if (error.name !== 'AbortError') throw error;
    });
  }
  return 0;
}

async function frame(options: LiveOptions, terminal: boolean): Promise<string[]> {
  const counts = await readCounts(options.clients);
  if (!terminal) return [plain(counts)];
  const clock = options.recorded ? await clockLine(options.stack.ports.venue) : 'real venue';
  const signals = await newestSignals(options.clients);
  const cell = (name: string, value: string): string => `  ${name.padEnd(26)}${value.padStart(14)}`;
  const number = (value: number): string => value.toLocaleString('en-US');
  return [
    `${BOLD}Wickstream${PLAIN}  ${clock}  ${DIM}Ctrl-C stops${PLAIN}`,
    '',
    cell('candles in Postgres', number(counts.postgresCandles)),
    cell('change events in Kafka', number(counts.changes)),
    cell('candles in ClickHouse', number(counts.candles)),
    cell('features', number(counts.features)),
    cell('signals', number(counts.signals)),
    cell('lag: events to analyse', number(counts.lag)),
    cell('lag: WAL to capture, KiB', number(Math.round((counts.slot?.lagBytes ?? 0) / 1024))),
    '',
    `  ${BOLD}newest signals${PLAIN}`,
    ...signals.map(signalLine),
    ...Array.from({ length: SIGNALS_SHOWN - signals.length }, () => ''),
  ];
}

function plain(counts: PipelineCounts): string {
  return (
    `postgres ${counts.postgresCandles} candles · kafka ${counts.changes} changes · ` +
    `clickhouse ${counts.candles} candles, ${counts.features} features, ${counts.signals} signals · lag ${counts.lag}`
  );
}

async function clockLine(port: number): Promise<string> {
  const replay = await readReplay(port);
  const now = new Date(replay.now).toISOString().slice(0, 19).replace('T', ' ');
  return replay.exhausted
    ? `recording at its end, ${now} UTC; "npm run wick -- reset" begins anew`
    : `recorded venue at ${now} UTC, ${replay.speed}× time`;
}

async function newestSignals({ clickhouse }: PipelineClients): Promise<NewestSignal[]> {
  return readRows<NewestSignal>(
    clickhouse,
    `select concat(exchange, ' ', symbol, ' ', interval) as series,
            formatDateTime(open_time, '%Y-%m-%d %H:%i') as open_time, decision,
            toString(round(final_score_long, 2)) as long,
            toString(round(final_score_short, 2)) as short,
            arrayStringConcat(fired, ', ') as fired
     from signals final where status = 'active'
     order by version desc, open_time desc limit {count:UInt8}`,
    { count: SIGNALS_SHOWN },
  );
}

function signalLine(signal: NewestSignal): string {
  const text =
    `  ${signal.open_time}  ${signal.series.padEnd(32)}${signal.decision.padEnd(8)}` +
    `long ${signal.long.padEnd(5)} short ${signal.short.padEnd(5)} ${signal.fired}`;
  const width = process.stdout.columns;
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
