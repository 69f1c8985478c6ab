/**
 * `wick backfill`: the history of some series into Postgres. Stopped or killed, the same command goes on
 * where it ended. What a venue does not have is wrong usage, before anything is read; a venue that is
 * down keeps no other from being read. Exit 1 if something was not read.
 */
import { parseVenueId } from '../../etl/index.ts';
import {
  prepareBackfill,
  runBackfill,
  type BackfillReport,
  type PreparedBackfill,
} from '../../scheduler/backfill.ts';
import type { BackfillPlan } from '../../scheduler/backfill-plan.ts';
import { seriesKey, type Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { epochMs, formatInstant } from '#core/time.ts';
import { createBackfillProgress } from '../pipeline/backfill-progress.ts';
import { withVenueAccess } from '../pipeline/venue-access.ts';
import { commandConfig } from './command-config.ts';
import { amount, grouped, NOTHING_THERE } from './amounts.ts';
import { alignColumns } from './columns.ts';
import type { JsonFlag } from './flags.ts';
import { parseIntervalFlag, parseListFlag, parseTimeFlag } from './series-flags.ts';

export interface BackfillFlags extends JsonFlag {
  readonly exchange: string;
  readonly symbol: string;
  readonly tf: string;
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
}

export async function backfill(options: BackfillFlags): Promise<number> {
  const intervals = parseListFlag('tf', options.tf).map((text) => parseIntervalFlag(text));
  const symbols = parseListFlag('symbol', options.symbol);
  const from = parseTimeFlag('from', options.from);
  const to = parseTimeFlag('to', options.to);
  const config = commandConfig();
  const exchanges = parseListFlag('exchange', options.exchange).map((id) =>
    parseVenueId(id, config),
  );
  return withVenueAccess(config, async ({ pool, venues, signal }) => {
    const series = exchanges.flatMap((exchange) => {
      const { marketType } = venues.open(exchange);
      return symbols.flatMap((symbol): Series[] =>
        intervals.map((interval) => ({ exchange, marketType, symbol, interval })),
      );
    });
    const openVenue = (id: string) => venues.open(id);
    const prepared = await prepareBackfill({ series, from, to, openVenue, pool, signal });
    assertHad(prepared);
    tellUnplanned(prepared);
    if (options.dryRun === true) {
      process.stdout.write(options.json === true ? planJson(prepared) : describePlan(prepared));
      return prepared.away.length === 0 ? 0 : 1;
    }
    const progress = createBackfillProgress(prepared.plan, process.stderr);
    const report = await runBackfill({
      prepared,
      pool,
      signal,
      onChunk: (chunk) => progress.chunk(chunk),
    }).finally(() => progress.close());
    tellReport(prepared, report, options.json === true);
    if (report.chunksLeft === 0 && prepared.away.length === 0) return 0;
    process.stderr.write('wick: the same command goes on where this one ended\n');
    return 1;
  });
}

/** @throws AppError WICK_USAGE where a venue does not have what was named. */
function assertHad({ refused }: PreparedBackfill): void {
  const [first] = refused;
  if (first === undefined) return;
  const others = refused.length === 1 ? '' : `; and ${refused.length - 1} more that were named`;
  throw new AppError('WICK_USAGE', `${errorText(first.error)}${others}; nothing was read`, {
    cause: first.error,
  });
}

function tellUnplanned({ empty, away }: PreparedBackfill): void {
  for (const each of empty) {
    process.stderr.write(`${seriesKey(each)}: nothing can exist in this range\n`);
  }
  for (const { what, error } of away) {
    process.stderr.write(`wick: ${what} is not read: ${errorText(error)}\n`);
  }
}

function tellReport(prepared: PreparedBackfill, report: BackfillReport, isJson: boolean): void {
  const { skipped } = prepared.plan;
  if (isJson) {
    const away = awayJson(prepared);
    process.stdout.write(`${JSON.stringify({ ...report, skipped, away })}\n`);
  } else {
    process.stdout.write(describeReport({ ...report, skipped }));
  }
  if (report.chunksDone > 0 && report.fetched === 0) process.stderr.write(NOTHING_THERE);
  for (const { series: key, error } of report.failures) {
    process.stderr.write(`wick: ${key} was not read on from ${error}\n`);
  }
}

/** Venues that could not be asked. */
function awayJson({ away }: PreparedBackfill): readonly Record<string, string>[] {
  return away.map(({ what, error }) => ({ exchange: what, error: errorText(error) }));
}

function planJson(prepared: PreparedBackfill): string {
  const { plan, empty } = prepared;
  const chunks = plan.chunks.map(({ series, from, to, candles }) => ({
    series: seriesKey(series),
    from: formatInstant(from),
    to: formatInstant(to),
    candles,
  }));
  const nothing = empty.map((series) => seriesKey(series));
  const { skipped, estimate } = plan;
  return `${JSON.stringify({ chunks, skipped, estimate, empty: nothing, away: awayJson(prepared) })}\n`;
}

function describePlan({ plan }: PreparedBackfill): string {
  const { chunks, skipped, estimate } = plan;
  const there = skipped === 0 ? '' : `, ${amount(skipped, 'chunk')} there already`;
  if (chunks.length === 0) return `nothing to read${there}\n`;
  const rows = [...Map.groupBy(chunks, ({ series }) => seriesKey(series))].map(([key, parts]) => [
    key,
    `${formatInstant(epochMs(Math.min(...parts.map(({ from }) => from))))} to ` +
      formatInstant(epochMs(Math.max(...parts.map(({ to }) => to)))),
    amount(parts.length, 'chunk'),
    amount(
      parts.reduce((sum, { candles }) => sum + candles, 0),
      'candle',
    ),
  ]);
  return (
    alignColumns(rows) +
    `${amount(chunks.length, 'chunk')} to read${there}; at most ${amount(estimate.candles, 'candle')}, ${costOf(estimate)}\n`
  );
}

function costOf({ requests, weight, minutes }: BackfillPlan['estimate']): string {
  if (requests === null || weight === null) return 'what it costs is not known';
  const time =
    minutes === null || minutes < 1 ? 'less than a minute' : amount(Math.ceil(minutes), 'minute');
  return `about ${amount(requests, 'request')} of weight ${grouped(weight)} in all, ${time} at the full allowance`;
}

function describeReport({
  skipped,
  ...report
}: BackfillReport & { readonly skipped: number }): string {
  const {
    chunksDone,
    chunksLeft,
    fetched,
    inserted,
    revised,
    unchanged,
    quarantined,
    anchorsMoved,
  } = report;
  if (chunksDone + chunksLeft === 0) {
    return skipped === 0
      ? 'nothing to read\n'
      : `nothing to read, ${amount(skipped, 'chunk')} there already\n`;
  }
  return (
    `${amount(chunksDone, 'chunk')} read, ${skipped} there already, ${chunksLeft} left\n` +
    `fetched ${amount(fetched, 'candle')}: inserted ${grouped(inserted)}, revised ${grouped(revised)}, ` +
    `unchanged ${grouped(unchanged)}, quarantined ${grouped(quarantined)}\n` +
    (anchorsMoved === 0
      ? ''
      : `${grouped(anchorsMoved)} series now counted from older candles on\n`)
  );
}
