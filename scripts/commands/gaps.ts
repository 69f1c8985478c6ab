/**
 * `wick gaps list|repair|fill`: what candles are missing and why, asking the venues for them, and made-up
 * ones where a user wants them.
 */
import {
  askedWindow,
  fillGaps,
  listGaps,
  listSeries,
  loadHalts,
  previewSurvey,
  surveyGaps,
  type FillReport,
  type GapReport,
  type KnownHalt,
  type ListedGap,
  type SurveyPreview,
} from '../../etl/index.ts';
import { daysBack } from '../../scheduler/days-back.ts';
import { seriesKey } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { GAP_CAUSES, type GapCause } from '#core/gap.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { withVenueAccess, type VenueAccess } from '../pipeline/venue-access.ts';
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

export interface GapListFlags extends JsonFlag, SeriesFlags {
  readonly cause?: string;
  readonly since?: string;
  readonly limit: string;
}

export interface GapRepairFlags extends JsonFlag, SeriesFlags {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly again?: boolean;
}

const LIMIT_MAX = 100_000;
/** Questions that a dry run prints of a series; --json prints all. */
const QUESTIONS_SHOWN_MAX = 20;

/** Exit 1 where a filter names a series that was never collected. */
export async function list(options: GapListFlags): Promise<number> {
  const asked = parseSeriesFlags(options);
  const narrow = {
    cause: causeFlag(options.cause),
    since: parseTimeFlag('since', options.since) ?? undefined,
    limit: parseCountFlag('limit', options.limit, LIMIT_MAX),
  };
  const config = commandConfig();
  const { gaps, isCollected } = await withVenueAccess(config, async ({ pool }) => {
    const filter = await resolveSeries(pool, config, asked);
    return { ...filter, gaps: await listGaps(pool, { ...filter.choice, ...narrow }) };
  });
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ gaps: gaps.map(toJson), limit: narrow.limit })}\n`
      : alignColumns(gaps.map(describeGap)),
  );
  if (!isCollected) process.stderr.write(NOT_COLLECTED);
  else if (gaps.length === 0) process.stderr.write('no gaps are recorded\n');
  else if (gaps.length === narrow.limit) process.stderr.write(cutNote(narrow.limit));
  return isCollected ? 0 : 1;
}

/**
/**
 * Without a range, as far as each series was asked for. Exit 1 where a series could not be looked
 * through, or none was ever collected; candles that stay missing are no failure. A dry run writes
 * nothing.
 */
export async function repair(options: GapRepairFlags): Promise<number> {
  const asked = parseSeriesFlags(options);
  const from = parseTimeFlag('from', options.from);
  const to = parseTimeFlag('to', options.to);
  if (from !== null && to !== null && from >= to) {
    throw new AppError(
      'WICK_USAGE',
      `--to "${options.to}" does not lie after --from "${options.from}"`,
    );
  }
  const config = commandConfig();
  const halts = loadHalts(config.KNOWN_HALTS);
  const looked = await withVenueAccess(config, async (access) => {
    const results: RepairResult[] = [];
    const { choice, isCollected } = await resolveSeries(access.pool, config, asked);
    for (const series of await listSeries(access.pool, choice)) {
      const window = await askedWindow(access.pool, series);
      if (window === null) continue;
      const range = { from: from ?? window.from, to: to ?? window.to };
      const retentionFloor = daysBack(systemClock.now(), config.CANDLE_RETENTION_DAYS);
      results.push(
        await repairSeries(access, series, { ...range, retentionFloor, halts }, options),
      );
    }
    return { results, isCollected };
  });
  const { results: done, isCollected } = looked;
  if (options.json === true)
    process.stdout.write(`${JSON.stringify({ series: done.map(resultJson) })}\n`);
  else process.stdout.write(done.map(describeResult).join(''));
  if (!isCollected) process.stderr.write(NOT_COLLECTED);
  return isCollected && done.every(({ error }) => error === null) ? 0 : 1;
}

export interface GapFillFlags extends JsonFlag {
  readonly exchange: string;
  readonly symbol: string;
  readonly tf: string;
  readonly from: string;
  readonly to: string;
}

/** Exit 1 where no such series was ever collected. */
export async function fill(options: GapFillFlags): Promise<number> {
  const asked = parseSeriesFlags(options);
  const from = parseTimeFlag('from', options.from);
  const to = parseTimeFlag('to', options.to);
  if (from === null || to === null || from >= to) {
    throw new AppError(
      'WICK_USAGE',
      `--to "${options.to}" does not lie after --from "${options.from}"`,
    );
  }
  const config = commandConfig();
  const done = await withVenueAccess(config, async ({ pool, venues, signal }) => {
    const { choice } = await resolveSeries(pool, config, asked);
    const results: (FillReport & { readonly series: string })[] = [];
    for (const series of await listSeries(pool, choice)) {
      const { calendar } = venues.open(series.exchange);
      const range = { from, to, clock: systemClock, signal };
      const report = await fillGaps({ pool, series, calendar, ...range });
      results.push({ series: seriesKey(series), ...report });
    }
    return results;
  });
  if (options.json === true) process.stdout.write(`${JSON.stringify({ series: done })}\n`);
  for (const { series, filled, left } of options.json === true ? [] : done) {
    process.stdout.write(
      `${series}: filled ${filled} with made-up candles, left ${left} missing\n`,
    );
  }
  if (done.length === 0) process.stderr.write(NOT_COLLECTED);
  return done.length === 0 ? 1 : 0;
}

interface RepairResult {
  readonly series: string;
  /** Why it could not be looked through; null where it was. */
  readonly error: string | null;
  readonly report?: GapReport;
  readonly preview?: SurveyPreview;
}

async function repairSeries(
  { pool, venues, logger, signal }: VenueAccess,
  series: ListedGap['series'],
  range: {
    readonly from: EpochMs;
    readonly to: EpochMs;
    readonly retentionFloor: EpochMs;
    readonly halts: readonly KnownHalt[];
  },
  { dryRun, again }: GapRepairFlags,
): Promise<RepairResult> {
  const key = seriesKey(series);
  try {
    const survey = {
      pool,
      adapter: venues.open(series.exchange),
      series,
      ...range,
      clock: systemClock,
      // What was found is the result, which is printed.
      logger: logger.level === 'info' ? logger.child({}, { level: 'warn' }) : logger,
      signal,
      // Who asks for it now does not want to wait.
      restMs: 0,
      again,
    };
    if (dryRun === true) return { series: key, error: null, preview: await previewSurvey(survey) };
    return { series: key, error: null, report: await surveyGaps(survey) };
  } catch (error) {
    if (signal.aborted || !(error instanceof AppError)) throw error;
    return { series: key, error: errorText(error) };
  }
}

function causeFlag(text: string | undefined): GapCause | undefined {
  if (text === undefined) return undefined;
  const cause = GAP_CAUSES.find((known) => known === text);
  if (cause !== undefined) return cause;
  throw new AppError('WICK_USAGE', `--cause is "${text}"; give one of ${GAP_CAUSES.join(', ')}`);
}

function toJson({ series, gap }: ListedGap): Record<string, unknown> {
  const time = (at: EpochMs | null): string | null => (at === null ? null : formatInstant(at));
  return {
    ...series,
    from: formatInstant(gap.from),
    to: formatInstant(gap.to),
    candles: gap.candles,
    cause: gap.cause,
    attempts: gap.attempts,
    emptyAnswers: gap.emptyAnswers,
    firstSeenAt: time(gap.firstSeenAt),
    lastCheckedAt: time(gap.lastCheckedAt),
    resolvedAt: time(gap.resolvedAt),
    detail: gap.detail,
    lastRunId: gap.lastRunId,
  };
}

function describeGap({ series, gap }: ListedGap): readonly string[] {
  const { from, to, candles, cause, attempts, detail } = gap;
  const asked = attempts === 0 ? 'not asked for' : `asked ${amount(attempts, 'time')}`;
  return [
    seriesKey(series),
    `${formatInstant(from)} to ${formatInstant(to)}`,
    amount(candles, 'candle'),
    cause,
    detail === null ? asked : `${asked}, ${detail}`,
  ];
}

function resultJson({ series, error, report, preview }: RepairResult): Record<string, unknown> {
  if (preview === undefined) return { series, ...report, error };
  const questions = preview.questions.map(({ from, to }) => ({
    from: formatInstant(from),
    to: formatInstant(to),
  }));
  return { series, dryRun: true, found: preview.found, missing: preview.missing, questions, error };
}

function describeResult({ series, error, report, preview }: RepairResult): string {
  if (preview !== undefined) return describePreview(series, preview);
  if (report === undefined) return `${series}: not looked through: ${error}\n`;
  return (
    `${series}: found ${report.found} missing, repaired ${report.repaired}, ` +
    `venue empty ${report.venueEmpty}, unrepairable ${report.unrepairable}, ` +
    `still missing ${report.stillMissing}\n`
  );
}

function describePreview(series: string, { found, missing, questions }: SurveyPreview): string {
  const shown = questions
    .slice(0, QUESTIONS_SHOWN_MAX)
    .map(({ from, to }) => `  would ask for ${formatInstant(from)} to ${formatInstant(to)}\n`);
  const more = questions.length - shown.length;
  return (
    `${series}: ${missing} missing, ${found} of them not in the ledger yet; ` +
    `nothing was written and nothing asked for\n${shown.join('')}` +
    (more > 0 ? `  and ${more} more questions\n` : '')
  );
}
