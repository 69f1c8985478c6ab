/**
 * `wick stream`: streams one series of a venue into Postgres and tells of each candle, until Ctrl-C or
 * `--limit` closed ones. Candles on stdout (with --json one object a line), the rest on stderr.
 */
import { randomInt } from 'node:crypto';
import type { Candle } from '#core/candle.ts';
import { nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, formatInstant } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';
import { createRedis } from '#platform/redis.ts';
import { candleJson } from '../../etl/candle-json.ts';
import { createSharedLimits } from '../../etl/extract/limits-shared.ts';
import { mapperOf, openVenue, parseVenueId } from '../../etl/extract/registry.ts';
import type { Instrument } from '../../etl/extract/venue.ts';
import { readWatermark } from '../../etl/load/read-watermark.ts';
import { runStream } from '../../etl/stream/run-stream.ts';
import type { AskReport } from '../../etl/stream/ask-venue.ts';
import { createCommandLogger } from '../pipeline/command-logger.ts';
import { amount } from './amounts.ts';
import { commandConfig } from './command-config.ts';
import type { StreamFlags } from './flags.ts';
import { parseCountFlag } from './series-flags.ts';
import { chooseInterval } from './stream-channel.ts';

/** Without anything stored, the catch-up reaches back this many candles. */
const CANDLES_BEFORE = 100;
const LIMIT_MAX = 1_000_000;

export async function stream(flags: StreamFlags): Promise<void> {
  const limit =
    flags.limit === undefined
      ? Number.POSITIVE_INFINITY
      : parseCountFlag('limit', flags.limit, LIMIT_MAX);
  const config = commandConfig();
  const id = parseVenueId(flags.exchange, config);
  const interval = chooseInterval(mapperOf(id), flags);
  const logger = createCommandLogger(config);
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-stream'), (error) =>
    logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  const redis = createRedis(config, (error) => logger.debug({ err: error.message }, 'redis'));
  await redis.connect().catch((error: Error) => {
    logger.warn({ err: error.message }, 'redis is away; limits are not shared');
  });
  const shared = createSharedLimits(redis, systemClock, logger);
  const adapter = openVenue(id, config, { clock: systemClock, shared, logger });
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  try {
    // Nobody waits for a venue whose candles could not be stored.
    await pool.query('select');
    const instrument = await adapter.findInstrument(flags.symbol, stop.signal);
    const from = await startOf(pool, instrument, interval);
    let closed = 0;
    await runStream({
      adapter,
      pool,
      series: [{ instrument, interval, from }],
      clock: systemClock,
      random: () => randomInt(1_000_000) / 1_000_000,
      logger,
      signal: stop.signal,
      askEvery: config.STREAM_CHECK_EVERY,
      on: {
        candle: (candle) => {
          if (closed >= limit) return;
          process.stdout.write(
            `${flags.json === true ? JSON.stringify(candleJson(candle)) : asText(candle)}\n`,
          );
          if (candle.isClosed) closed += 1;
          if (closed >= limit) end();
        },
        connections: (count) => process.stderr.write(count > 0 ? 'connected\n' : 'not connected\n'),
        asked: (_series, answer) => {
          if (answer.answered > 0) process.stderr.write(`${describeAnswer(answer)}\n`);
        },
      },
    });
  } finally {
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
    adapter.close();
    redis.disconnect();
    await pool.end();
  }
}

function describeAnswer({ answered, agreed, repaired, findings }: AskReport): string {
  const differ = findings.filter(({ verdict }) => verdict === 'differs').length;
  const parts = [
    [agreed, 'as streamed'],
    [repaired, 'stored by it'],
    [differ, 'told otherwise than streamed'],
  ] as const;
  const told = parts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  const words = told.length === 0 ? 'stored already' : told.join(', ');
  return `the venue answered ${amount(answered, 'closed candle')}: ${words}`;
}

async function startOf(pool: Pool, instrument: Instrument, interval: Interval) {
  const { exchange, marketType, symbol } = instrument;
  const stored = await readWatermark(pool, { exchange, marketType, symbol, interval });
  return stored ?? epochMs(systemClock.now() - CANDLES_BEFORE * nominalWidthMs(interval));
}

function asText(candle: Candle): string {
  const { symbol, interval, openTime, open, high, low, close, volume, isClosed } = candle;
  const state = isClosed ? 'closed' : 'open  ';
  return `${formatInstant(openTime)} ${symbol} ${interval} ${state} o ${open} h ${high} l ${low} c ${close} v ${volume ?? '-'}`;
}
