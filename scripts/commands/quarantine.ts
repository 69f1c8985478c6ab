/** `wick quarantine list|redrive`: rows that were refused, and giving them another chance. */
import {
  listQuarantine,
  QUARANTINE_REASONS,
  redriveQuarantine,
  type QuarantinedCandle,
} from '../../etl/index.ts';
import { seriesKey } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { formatInstant } from '#core/time.ts';
import { withVenueAccess } from '../pipeline/venue-access.ts';
import { commandConfig } from './command-config.ts';
import type { JsonFlag } from './flags.ts';
import { parseCountFlag, parseIntervalFlag, parseTimeFlag } from './series-flags.ts';

export interface QuarantineFlags extends JsonFlag {
  readonly exchange?: string;
  readonly symbol?: string;
  readonly tf?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly limit: string;
}

export interface RedriveFlags extends QuarantineFlags {
  readonly dryRun?: boolean;
  readonly accept?: boolean;
}

const LIMIT_MAX = 100_000;

export async function list(options: QuarantineFlags): Promise<void> {
  const choice = choiceOf(options);
  const rows = await withVenueAccess(commandConfig(), ({ pool }) => listQuarantine(pool, choice));
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ rows: rows.map(toJson), limit: choice.limit })}\n`);
    return;
  }
  process.stdout.write(rows.map(describe).join(''));
  if (rows.length === 0) process.stderr.write('nothing waits in quarantine\n');
}

export async function redrive(options: RedriveFlags): Promise<void> {
  const choice = choiceOf(options);
  if (options.accept === true && options.reason !== 'jump') {
    throw new AppError(
      'WICK_USAGE',
      '--accept stores prices that jump; look at them with "wick quarantine list --reason jump", then give --reason jump with it',
    );
  }
  const { tried, report } = await withVenueAccess(
    commandConfig(),
    async ({ pool, venues, signal }) => {
      const rows = await listQuarantine(pool, choice);
      if (options.dryRun === true) return { tried: rows, report: null };
      const acceptsJumps = options.accept === true;
      const open = (exchange: string) => venues.open(exchange);
      return {
        tried: rows,
        report: await redriveQuarantine({ pool, open, rows, acceptsJumps, signal }),
      };
    },
  );
  if (options.json === true) {
    const dryRun = report === null;
    process.stdout.write(`${JSON.stringify({ dryRun, rows: tried.map(toJson), ...report })}\n`);
  } else if (report === null) {
    process.stdout.write(tried.map(describe).join(''));
    process.stderr.write(`${tried.length} rows would be asked for again\n`);
  } else {
    const { settled, refused, timeless } = report;
    process.stdout.write(
      `${settled.length} of ${tried.length} rows settled, ${refused.length} refused again, ` +
        `${timeless.length} without a readable time\n`,
    );
  }
}

function choiceOf({ exchange, symbol, tf, reason, since, limit }: QuarantineFlags) {
  if (reason !== undefined && !QUARANTINE_REASONS.some((known) => known === reason)) {
    throw new AppError(
      'WICK_USAGE',
      `--reason is "${reason}"; give one of ${QUARANTINE_REASONS.join(', ')}`,
    );
  }
  return {
    exchange,
    symbol,
    interval: tf === undefined ? undefined : parseIntervalFlag(tf),
    reason,
    since: parseTimeFlag('since', since) ?? undefined,
    limit: parseCountFlag('limit', limit, LIMIT_MAX),
  };
}

function toJson({ series, openTime, createdAt, ...row }: QuarantinedCandle) {
  return {
    ...row,
    ...series,
    openTime: openTime === null ? null : formatInstant(openTime),
    createdAt: formatInstant(createdAt),
  };
}

function describe({ id, series, openTime, reason, detail }: QuarantinedCandle): string {
  const time = openTime === null ? 'no readable time' : formatInstant(openTime);
  return `${id}  ${seriesKey(series)}  ${time}  ${reason}: ${detail}\n`;
}
