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
  type SeriesChoice,
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
import type { JsonFlag } from './flags.ts';
import { parseCountFlag, parseIntervalFlag, parseTimeFlag } from './series-flags.ts';

interface SeriesFlags extends JsonFlag {
  readonly exchange?: string;
  readonly symbol?: string;
  readonly tf?: string;
}

export interface GapListFlags extends SeriesFlags {
  readonly cause?: string;
  readonly since?: string;
  readonly limit: string;
}

export interface GapRepairFlags extends SeriesFlags {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly again?: boolean;
}

const LIMIT_MAX = 100_000;
/** Questions that a dry run prints of a series; --json prints all. */
const QUESTIONS_SHOWN_MAX = 20;
const NOT_COLLECTED =
  'no such series was ever collected; symbols are written BTC/USDT here, exchanges as in "wick sync"\n';

/** True without a filter, and where some stored series fits it. */
async function isCollected(pool: VenueAccess['pool'], choice: SeriesChoice): Promise<boolean> {
  const { exchange, symbol, interval } = choice;
  if (exchange === undefined && symbol === undefined && interval === undefined) return true;
  return (await listSeries(pool, choice)).length > 0;
}

/** Exit 1 where a filter names a series that was never collected. */
export async function list(options: GapListFlags): Promise<number> {
  const choice = {
    ...seriesChoice(options),
    cause: causeFlag(options.cause),
    since: parseTimeFlag('since', options.since) ?? undefined,
    limit: parseCountFlag('limit', options.limit, LIMIT_MAX),
  };
  const { gaps, isKnown } = await withVenueAccess(commandConfig(), async ({ pool }) => {
    const found = await listGaps(pool, choice);
    return { gaps: found, isKnown: found.length > 0 || (await isCollected(pool, choice)) };
  });
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ gaps: gaps.map(toJson), limit: choice.limit })}\n`
      : gaps.map(describeGap).join(''),
  );
  if (options.json !== true && gaps.length === 0) {
    process.stderr.write(isKnown ? 'no gaps are recorded\n' : NOT_COLLECTED);
  }
  return isKnown ? 0 : 1;
}

/**
 * Without a range, as far as each series was asked for. Exit 1 where a series could not be looked
 * through; candles that stay missing are no failure. A dry run writes nothing.
 */
export async function repair(options: GapRepairFlags): Promise<number> {
  const choice = seriesChoice(options);
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
  const done = await withVenueAccess(config, async (access) => {
    const results: RepairResult[] = [];
    for (const series of await listSeries(access.pool, choice)) {
      const asked = await askedWindow(access.pool, series);
      if (asked === null) continue;
      const range = { from: from ?? asked.from, to: to ?? asked.to };
      const retentionFloor = daysBack(systemClock.now(), config.CANDLE_RETENTION_DAYS);
      results.push(
        await repairSeries(access, series, { ...range, retentionFloor, halts }, options),
      );
    }
    return results;
  });
  if (options.json === true)
    process.stdout.write(`${JSON.stringify({ series: done.map(resultJson) })}\n`);
  else process.stdout.write(done.map(describeResult).join(''));
  if (done.length === 0) process.stderr.write(NOT_COLLECTED);
  return done.some(({ error }) => error !== null) ? 1 : 0;
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
  const choice = seriesChoice(options);
  const from = parseTimeFlag('from', options.from);
  const to = parseTimeFlag('to', options.to);
  if (from === null || to === null || from >= to) {
    throw new AppError(
      'WICK_USAGE',
      `--to "${options.to}" does not lie after --from "${options.from}"`,
    );
  }
  const done = await withVenueAccess(commandConfig(), async ({ pool, venues, signal }) => {
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
      logger,
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

function seriesChoice({ exchange, symbol, tf }: SeriesFlags) {
  return { exchange, symbol, interval: tf === undefined ? undefined : parseIntervalFlag(tf) };
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

function describeGap({ series, gap }: ListedGap): string {
  const { from, to, candles, cause, attempts, detail } = gap;
  const asked = attempts === 0 ? 'not asked for' : `asked ${attempts} times`;
  const more = detail === null ? '' : `, ${detail}`;
  return (
    `${seriesKey(series)}  ${formatInstant(from)} to ${formatInstant(to)}  ` +
    `${candles} candles  ${cause}  ${asked}${more}\n`
  );
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
