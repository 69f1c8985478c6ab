/**
 * Parks the records of a step that could not be read. In: the letters, and what must be parked before
 * them. Out: letters in the dead letter topic, in the order of their partition, and a line in the log.
 */
import type { DeadLetters } from '../connectors/index.ts';
import type { Logger } from '#platform/logger.ts';
import type { AnalyzerMetrics } from './metrics.ts';
import type { Letters } from './step-changes.ts';

const LOGGED_REASON_CHARACTERS_MAX = 300;

export interface ParkOptions {
  readonly deadLetters: DeadLetters;
  readonly metrics: Pick<AnalyzerMetrics, 'deadLetters'>;
  readonly logger: Logger;
}

/** In the order of the partition, in which they may go back to it one day. */
export async function parkLetters(
  { deadLetters, metrics, logger }: ParkOptions,
  partition: number,
  letters: Letters,
  before?: Promise<void>,
): Promise<void> {
  if (letters.length === 0) return;
  await before;
  await deadLetters.park(letters);
  metrics.deadLetters.inc(letters.length);
  logger.warn(
    {
      partition,
      count: letters.length,
      offset: letters[0]?.message.offset,
      // It quotes what was sent, of any size.
      reason: letters[0]?.reason.slice(0, LOGGED_REASON_CHARACTERS_MAX),
    },
    'records parked in the dead letter topic',
  );
}
