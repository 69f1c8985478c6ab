/**
 * `wick backfill`: the history of some series of one venue into Postgres. Stopped or killed, the same
 * command goes on where it ended. Exit 1 if something of the plan was not read.
 */
import { parseVenueId } from '../../etl/index.ts';
import { prepareBackfill, runBackfill, type PreparedBackfill } from '../../scheduler/backfill.ts';
import { seriesKey, type Series } from '#core/candle.ts';
import { formatInstant } from '#core/time.ts';
import { createBackfillProgress } from '../pipeline/backfill-progress.ts';
import { withVenueAccess } from '../pipeline/venue-access.ts';
import { commandConfig } from './command-config.ts';
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

const CHUNKS_SHOWN_MAX = 20;

export async function backfill(options: BackfillFlags): Promise<number> {
  const intervals = parseListFlag('tf', options.tf).map((text) => parseIntervalFlag(text));
  const symbols = parseListFlag('symbol', options.symbol);
  const from = parseTimeFlag('from', options.from);
  const to = parseTimeFlag('to', options.to);
  const config = commandConfig();
  const exchange = parseVenueId(options.exchange, config);
  return withVenueAccess(config, async ({ pool, venues, signal }) => {
    const { marketType } = venues.open(exchange);
    const series = symbols.flatMap((symbol): Series[] =>
      intervals.map((interval) => ({ exchange, marketType, symbol, interval })),
    );
    const openVenue = (id: string) => venues.open(id);
    const prepared = await prepareBackfill({ series, from, to, openVenue, pool, signal });
    for (const each of prepared.empty) {
      process.stderr.write(`${seriesKey(each)}: nothing can exist in this range\n`);
    }
    if (options.dryRun === true) {
      process.stdout.write(options.json === true ? planJson(prepared) : describePlan(prepared));
      return 0;
    }
    const progress = createBackfillProgress(prepared.plan, process.stderr);
    const report = await runBackfill({
      prepared,
      pool,
      signal,
      onChunk: (chunk) => progress.chunk(chunk),
    }).finally(() => progress.close());
    const result = { ...report, skipped: prepared.plan.skipped };
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify(result)}\n`);
    } else {
      process.stdout.write(
        `${result.chunksDone} chunks read, ${result.skipped} were there, ${result.chunksLeft} left\n` +
          `fetched ${result.fetched}: inserted ${result.inserted}, revised ${result.revised}, ` +
          `unchanged ${result.unchanged}, quarantined ${result.quarantined}\n`,
      );
    }
    for (const { series: key, error } of report.failures) {
      process.stderr.write(`wick: ${key} was not read on from ${error}\n`);
    }
    if (report.chunksLeft === 0) return 0;
    process.stderr.write('wick: the same command goes on where this one ended\n');
    return 1;
  });
}

function planJson({ plan, empty }: PreparedBackfill): string {
  const chunks = plan.chunks.map(({ series, from, to, candles }) => ({
    series: seriesKey(series),
    from: formatInstant(from),
    to: formatInstant(to),
    candles,
  }));
  const nothing = empty.map((series) => seriesKey(series));
  const { skipped, estimate } = plan;
  return `${JSON.stringify({ chunks, skipped, estimate, empty: nothing })}\n`;
}

function describePlan({ plan }: PreparedBackfill): string {
  const { chunks, skipped, estimate } = plan;
  const lines = chunks
    .slice(0, CHUNKS_SHOWN_MAX)
    .map(
      ({ series, from, to, candles }) =>
        `${seriesKey(series)}  ${formatInstant(from)} to ${formatInstant(to)}  ${candles} candles`,
    );
  if (chunks.length > CHUNKS_SHOWN_MAX) {
    lines.push(`and ${chunks.length - CHUNKS_SHOWN_MAX} more`);
  }
  const cost =
    estimate.requests === null
      ? 'what it costs is not known'
      : `about ${estimate.requests} requests of weight ${estimate.weight}, ` +
        `${Math.ceil(estimate.minutes ?? 0)} min at the full allowance`;
  lines.push(
    `${chunks.length} chunks to read, ${skipped} are there; ${estimate.candles} candles, ${cost}`,
  );
  return `${lines.join('\n')}\n`;
}
