/** `wick quarantine list|redrive`: rows that were refused, and giving them another chance. */
import {
  listQuarantine,
  QUARANTINE_REASONS,
  redriveQuarantine,
  type QuarantinedCandle,
  type RedriveReport,
} from '../../etl/index.ts';
import { seriesKey } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { formatInstant } from '#core/time.ts';
import { withVenueAccess } from '../pipeline/venue-access.ts';
import { commandConfig } from './command-config.ts';
import { amount } from './amounts.ts';
import { alignColumns } from './columns.ts';
import type { JsonFlag } from './flags.ts';
import {
  NOT_COLLECTED,
  parseSeriesFlags,
  resolveSeries,
  type SeriesFlags,
} from './series-filter.ts';
import { cutNote, parseCountFlag, parseTimeFlag } from './series-flags.ts';

export interface QuarantineFlags extends JsonFlag, SeriesFlags {
  readonly reason?: string;
  readonly since?: string;
  readonly limit: string;
}

export interface RedriveFlags extends QuarantineFlags {
  readonly dryRun?: boolean;
  readonly accept?: boolean;
}

const LIMIT_MAX = 100_000;

/** Exit 1 where a filter names a series that was never collected. */
export async function list(options: QuarantineFlags): Promise<number> {
  const asked = parseSeriesFlags(options);
  const narrow = narrowOf(options);
  const config = commandConfig();
  const { rows, isCollected } = await withVenueAccess(config, async ({ pool }) => {
    const filter = await resolveSeries(pool, config, asked);
    return { ...filter, rows: await listQuarantine(pool, { ...filter.choice, ...narrow }) };
  });
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ rows: rows.map(toJson), limit: narrow.limit })}\n`
      : alignColumns(rows.map(describe)),
  );
  tellList(rows, { isCollected, limit: narrow.limit });
  return isCollected ? 0 : 1;
}

/** Exit 1 too where a venue could not be asked; rows that are refused again are no failure. */
export async function redrive(options: RedriveFlags): Promise<number> {
  const asked = parseSeriesFlags(options);
  const narrow = narrowOf(options);
  if (options.accept === true && options.reason !== 'jump') {
    throw new AppError(
      'WICK_USAGE',
      '--accept stores prices that jump; look at them with "wick quarantine list --reason jump", then give --reason jump with it',
    );
  }
  const config = commandConfig();
  const done = await withVenueAccess(config, async ({ pool, venues, signal }) => {
    const { choice, isCollected } = await resolveSeries(pool, config, asked);
    const rows = await listQuarantine(pool, { ...choice, ...narrow });
    if (options.dryRun === true) return { isCollected, tried: rows, report: null };
    const acceptsJumps = options.accept === true;
    const open = (exchange: string) => venues.open(exchange);
    const report = await redriveQuarantine({ pool, open, rows, acceptsJumps, signal });
    return { isCollected, tried: rows, report };
  });
  const { isCollected, tried, report } = done;
  if (options.json === true) {
    const dryRun = report === null;
    process.stdout.write(`${JSON.stringify({ dryRun, rows: tried.map(toJson), ...report })}\n`);
  } else if (report === null) {
    process.stdout.write(alignColumns(tried.map(describe)));
  } else if (tried.length > 0) {
    process.stdout.write(describeReport(tried.length, report));
  }
  tellList(tried, { isCollected, limit: narrow.limit });
  if (report === null && tried.length > 0) {
    process.stderr.write(`${amount(tried.length, 'row')} would be asked for again\n`);
  }
  for (const { series, error } of report?.failures ?? []) {
    process.stderr.write(`wick: ${series} was not asked for: ${error}\n`);
  }
  return isCollected && (report?.failures.length ?? 0) === 0 ? 0 : 1;
}

function tellList(
  rows: readonly QuarantinedCandle[],
  { isCollected, limit }: { readonly isCollected: boolean; readonly limit: number },
): void {
  if (!isCollected) process.stderr.write(NOT_COLLECTED);
  else if (rows.length === 0) process.stderr.write('nothing waits in quarantine\n');
  else if (rows.length === limit) process.stderr.write(cutNote(limit));
}

function describeReport(tried: number, report: RedriveReport): string {
  const { settled, refused, unasked, timeless } = report;
  const more = unasked.length === 0 ? '' : `, ${unasked.length} not asked for`;
  return (
    `${settled.length} of ${amount(tried, 'row')} settled, ${refused.length} refused again, ` +
    `${timeless.length} without a readable time${more}\n`
  );
}

function narrowOf({ reason, since, limit }: QuarantineFlags) {
  if (reason !== undefined && !QUARANTINE_REASONS.some((known) => known === reason)) {
    throw new AppError(
      'WICK_USAGE',
      `--reason is "${reason}"; give one of ${QUARANTINE_REASONS.join(', ')}`,
    );
  }
  return {
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

function describe({ id, series, openTime, reason, detail }: QuarantinedCandle): readonly string[] {
  const time = openTime === null ? 'no readable time' : formatInstant(openTime);
  return [id, seriesKey(series), time, `${reason}: ${detail}`];
}
