/**
 * Brings series whose recording was exchanged up to the new file, from its beginning: candles that
 * lie before the watermark or differ from what was stored. In: the venue's replay, the store. Out:
 * how many series were read again. A series that was never collected is left to the scheduler.
 */
import { openVenue, ingest, readWatermark } from '../../etl/index.ts';
import { MARKET_TYPES, type Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { parseInterval } from '#core/interval.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import type { Config } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import type { ReplayStatus } from '../../local/venues/replay-status.ts';
import {
  findChangedRecordings,
  recordedKey,
  rememberRecordings,
  type RecordedSeries,
} from './recordings.ts';

export interface RecollectOptions {
  readonly config: Config;
  readonly replay: ReplayStatus;
  /** Where the served files lie. */
  readonly directory: string;
  /** Holds the hashes of the files that were read last. */
  readonly knownFile: string;
  readonly say: (line: string) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const JOB = 'recollect';

export async function recollect(options: RecollectOptions): Promise<number> {
  const { replay, config, logger, signal } = options;
  const { changed, hashes } = await findChangedRecordings(
    options.knownFile,
    options.directory,
    replay.series,
  );
  if (changed.length === 0) return 0;
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-recollect'), (error) =>
    logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  const adapter = openVenue('binance-futures', config, { clock: systemClock, logger });
  let read = 0;
  try {
    for (const recorded of changed) {
      const series = seriesOf(recorded);
      if ((await readWatermark(pool, series)) === null) continue;
      options.say(`${recordedKey(recorded)} comes from another file now; reading all of it`);
      await ingest({
        job: JOB,
        adapter,
        pool,
        series,
        from: epochMs(recorded.from),
        to: epochMs(Math.min(recorded.to, replay.now)),
        venueNow: epochMs(replay.now),
        signal,
      });
      read += 1;
    }
  } finally {
    adapter.close();
    await pool.end();
  }
  await rememberRecordings(options.knownFile, hashes);
  return read;
}

function seriesOf(recorded: RecordedSeries): Series {
  const marketType = MARKET_TYPES.find((type) => type === recorded.marketType);
  if (marketType === undefined) {
    throw new AppError(
      'WICK_LOCAL_RECORDING_INVALID',
      `"${recorded.file}" is served as market type "${recorded.marketType}", which is unknown`,
    );
  }
  const { exchange, symbol } = recorded;
  return { exchange, marketType, symbol, interval: parseInterval(recorded.interval) };
}
