/** What the recorded venue says of its replay. */
import { Value } from 'typebox/value';
import { REPLAY_STATUS, type ReplayStatus } from '../../local/venues/replay-status.ts';
import { AppError } from '#core/errors.ts';

const TIMEOUT_MS = 5_000;

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
