/** What the recorded venues say of their replay, and what of it the stack collects. */
import { Value } from 'typebox/value';
import { REPLAY_STATUS, type ReplayStatus } from '../../local/venues/replay-status.ts';
import { AppError } from '#core/errors.ts';

const TIMEOUT_MS = 5_000;
const BUNDLED_EXCHANGE = 'binance-futures';

export async function readReplay(port: number): Promise<ReplayStatus> {
  const response = await fetch(`http://127.0.0.1:${port}/replay`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const json: unknown = await response.json();
  if (!Value.Check(REPLAY_STATUS, json)) {
    throw new AppError(
      'WICK_LOCAL_ENGINE_FAILED',
      `Port ${port} does not answer like the recorded venue; is another program there?`,
    );
  }
  return json;
}

/**
 * What is collected of it: of a folder of one's own everything, of the bundled recordings those of one
 * venue; the other venues' are there for whoever asks for them.
 */
export function collectedOf(replay: ReplayStatus, ownFolder: string | undefined): ReplayStatus {
  if (ownFolder !== undefined) return replay;
  const series = replay.series.filter(({ exchange }) => exchange === BUNDLED_EXCHANGE);
  return { ...replay, series };
}
