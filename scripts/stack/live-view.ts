/** The pipeline at work: a table that is redrawn on a terminal, a line now and then elsewhere. */
import { describeBytes } from '../commands/amounts.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { readRows } from '#platform/clickhouse.ts';
import { errorText } from '#core/errors.ts';
import { readCounts, type PipelineCounts } from '../pipeline/counts.ts';
import type { PipelineClients } from '../pipeline/pipeline-clients.ts';
import { OF_RULE_SET } from '../../proof/produced-by.ts';
import { readReplay } from './replay.ts';
import type { Screen } from './screen.ts';
import type { RunningStack } from './start-stack.ts';
import type { Style } from './style.ts';

export interface LiveOptions {
  readonly stack: Pick<RunningStack, 'ports'>;
  readonly clients: PipelineClients;
  readonly screen: Screen;
  readonly style: Style;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  readonly recorded: boolean;
}

export interface NewestSignal {
  readonly series: string;
  /** Month to minute, UTC: the clock above says the year. */
  readonly open_time: string;
  readonly decision: string;
  readonly long: string;
  readonly short: string;
  readonly fired: string;
}

export interface Frame {
  /** Where the venue is in its recording, and what can be done about it. */
  readonly clock: { readonly text: string; readonly hint: string };
  readonly counts: PipelineCounts;
  /** Changes a second since the frame before; null in the first. */
  readonly changesPerSecond: number | null;
  readonly signals: readonly NewestSignal[];
}

const REFRESH_MS = 1_000;
const PLAIN_REFRESH_MS = 10_000;
const SIGNALS_SHOWN = 6;

/** Runs until the signal is aborted. */
export async function showLive(options: LiveOptions): Promise<number> {
  const { screen, say, style, signal } = options;
  let last: { readonly changes: number; readonly at: number } | null = null;
  let failure = '';
  while (!signal.aborted) {
    try {
      const counts = await readCounts(options.clients);
      if (screen.live) {
        const now = { changes: counts.changes, at: performance.now() };
        const frame = await readFrame(options, counts, last);
        if (signal.aborted) break;
        screen.draw(describeFrame(frame, style));
        last = now;
      } else {
        say(describeCounts(counts));
      }
      failure = '';
    } catch (error) {
      // An engine is being started again; the table waits for it.
      const text = errorText(error);
      if (text !== failure && !signal.aborted) say(`waiting: ${text}`);
      failure = text;
    }
    await delay(screen.live ? REFRESH_MS : PLAIN_REFRESH_MS, undefined, { signal }).catch(
      (error: Error) => {
        if (error.name !== 'AbortError') throw error;
      },
    );
  }
  return 0;
}

async function readFrame(
  options: LiveOptions,
  counts: PipelineCounts,
  last: { readonly changes: number; readonly at: number } | null,
): Promise<Frame> {
  const [clock, signals] = await Promise.all([
    options.recorded ? readClock(options.stack.ports.venue) : { text: 'real venue', hint: '' },
    readNewestSignals(options.clients),
  ]);
  const seconds = last === null ? 0 : (performance.now() - last.at) / 1000;
  const changesPerSecond =
    last === null || seconds <= 0 ? null : Math.round((counts.changes - last.changes) / seconds);
  return { clock, counts, changesPerSecond, signals };
}

/** The table; always the same number of lines, so that it does not jump. */
export function describeFrame(frame: Frame, style: Style): string[] {
  const { counts, changesPerSecond, signals } = frame;
  const number = (value: number): string => value.toLocaleString('en-US');
  const row = (name: string, value: number, note: string): string =>
    `  ${name.padEnd(22)}${style.bold(number(value).padStart(12))}  ${style.dim(note)}`;
  const rate = changesPerSecond === null ? '' : `${number(Math.max(0, changesPerSecond))} a second`;
  const wal = describeBytes(counts.slot?.lagBytes ?? 0);
  const shown = signals.slice(0, SIGNALS_SHOWN);
  const width = Math.max(0, ...shown.map(({ series }) => series.length));
  return [
    '',
    `  ${style.bold('Wickstream')}  ${frame.clock.text}`,
    `  ${style.dim(`${frame.clock.hint}Ctrl-C stops`)}`,
    '',
    row('candles in Postgres', counts.postgresCandles, 'closed'),
    row('change events', counts.changes, rate),
    row('candles in ClickHouse', counts.candles, ''),
    row('features', counts.features, 'one row a candle'),
    row('signals', counts.signals, 'Long, Short and Neutral'),
    row('lag', counts.lag, `to analyse, ${wal} of WAL to capture`),
    '',
    `  ${style.bold('newest signals')}`,
    ...shown.map((signal) => signalLine(signal, width, style)),
    ...Array.from({ length: SIGNALS_SHOWN - shown.length }, () => ''),
    '',
  ];
}

/** @param width of the widest series that is shown. */
function signalLine(signal: NewestSignal, width: number, style: Style): string {
  const { decision } = signal;
  const colour =
    decision === 'Long' ? style.green : decision === 'Short' ? style.red : (text: string) => text;
  return (
    `  ${style.dim(signal.open_time)}  ${signal.series.padEnd(width)}  ${colour(decision.padEnd(9))}` +
    `long ${signal.long}  short ${signal.short}  ${style.dim(signal.fired)}`
  );
}

/** All counts on one line. */
export function describeCounts(counts: PipelineCounts): string {
  return (
    `postgres ${counts.postgresCandles} candles · kafka ${counts.changes} changes, ${counts.lag} to go · ` +
    `clickhouse ${counts.candles} candles, ${counts.features} features, ${counts.signals} signals`
  );
}

async function readClock(port: number): Promise<Frame['clock']> {
  const replay = await readReplay(port);
  const now = new Date(replay.now).toISOString().slice(0, 19).replace('T', ' ');
  return replay.exhausted
    ? {
        text: `recording at its end, ${now} UTC`,
        hint: '"npm run wick -- reset" begins anew · ',
      }
    : { text: `recorded venue at ${now} UTC, ${replay.speed}× time`, hint: '' };
}

async function readNewestSignals({
  clickhouse,
  producer,
}: PipelineClients): Promise<NewestSignal[]> {
  return readRows<NewestSignal>(
    clickhouse,
    `select concat(symbol, ' ', interval) as series,
            formatDateTime(open_time, '%m-%d %H:%i') as open_time, decision,
            printf('%.2f', assumeNotNull(final_score_long)) as long,
            printf('%.2f', assumeNotNull(final_score_short)) as short,
            arrayStringConcat(fired, ', ') as fired
     from signals final where status = 'active' and ${OF_RULE_SET}
     order by open_time desc, version desc limit {count:UInt8}`,
    { ...producer, count: SIGNALS_SHOWN },
  );
}
