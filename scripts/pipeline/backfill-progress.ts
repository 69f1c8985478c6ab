/**
 * How far a backfill is, on stderr: a bar with the time left where somebody watches, one line for each
 * twentieth elsewhere. In: a plan and the chunks as they are done. It decides nothing.
 */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { BackfillPlan, Chunk } from '../../scheduler/backfill-plan.ts';
import { seriesKey } from '#core/candle.ts';
import { formatInstant } from '#core/time.ts';

export interface BackfillProgress {
  chunk(chunk: Chunk): void;
  close(): void;
}

/** The terminal's half of a stream. */
export interface ProgressOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined;
}

const LINES_MAX = 20;
const FORMAT = '{bar} {percentage}% | {value} of {total} candles | {left} left | {at}';

/** @param elapsedMs milliseconds since any start. */
export function createBackfillProgress(
  plan: BackfillPlan,
  output: ProgressOutput,
  elapsedMs: () => number = () => performance.now(),
): BackfillProgress {
  const total = plan.estimate.candles;
  const began = elapsedMs();
  let done = 0;
  let told = 0;
  const bar = output.isTTY === true && total > 0 ? createBar(output, total) : null;
  return {
    chunk: (chunk) => {
      done += chunk.candles;
      const left = durationText(((elapsedMs() - began) / done) * (total - done));
      const at = `${seriesKey(chunk.series)} ${formatInstant(chunk.to)}`;
      bar?.single.update(done, { left, at });
      const share = Math.floor((done / total) * LINES_MAX);
      if (bar !== null || share === told) return;
      told = share;
      output.write(`${Math.round((done / total) * 100)} %, ${left} left, at ${at}\n`);
    },
    close: () => bar?.multi.stop(),
  };
}

function createBar(
  stream: ProgressOutput,
  total: number,
): { readonly multi: MultiBar; readonly single: SingleBar } {
  const multi = new MultiBar({ stream, format: FORMAT, hideCursor: true }, Presets.shades_classic);
  return { multi, single: multi.create(total, 0, { left: 'unknown time', at: '' }) };
}

/** `1 h 20 min`, `40 s` */
export function durationText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
