/**
 * What the declarations mean. In: a jobs file, the configuration, the venues. Out: jobs that can run,
 * or an error at the line of the first that cannot: unknown kind, venue, symbol form or interval, bad
 * cron, a job after itself. Nothing is fetched.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { errorText } from '#core/errors.ts';
import { parseSeries, parseSeriesList, SERIES_FORM } from '#core/series-list.ts';
import type { Config } from '#platform/config.ts';
import { parseVenueId, type VenueAdapter, type VenueId } from '../etl/index.ts';
import type { JobDeclaration, JobsFile } from './jobs-file.ts';
import type { Job, JobKind, Selector } from './job.ts';
import { closeTiming, cronProblem, cronTiming, type Timing } from './timing.ts';

export interface DeclaredContext {
  readonly kinds: ReadonlyMap<string, Pick<JobKind, 'needs'>>;
  readonly config: Pick<Config, 'COLLECT_CRON' | 'COLLECT_SERIES' | 'WEB_SOURCES_DIR'>;
  readonly venueOf: (exchange: string) => Pick<VenueAdapter, 'marketType' | 'intervals'>;
}

/** What a declaration may leave out. */
const RETRIES = 2;
const RETRY_MS = 5_000;
const TIMEOUT_MS = 3_600_000;
const CLOSE_DELAY_MS = 2_000;
const SYMBOLS_MAX = 500;

/** Words that stand for lists: what the variable says, what Postgres holds, which venues are in use. */
const COLLECTED = 'COLLECT_SERIES';
const STORED = 'STORED';
const USED = 'USED';

/** @throws AppError WICK_SCHEDULER_JOBS_INVALID, or WICK_CONFIG_INVALID for COLLECT_*. */
export function resolveJobs(file: JobsFile, context: DeclaredContext): readonly Job[] {
  const jobs = file.jobs.map((declared, index) =>
    resolveJob(declared, { file, context, at: `/jobs/${index}` }),
  );
  assertOrder(file, jobs);
  return jobs;
}

interface Place {
  readonly file: JobsFile;
  readonly context: DeclaredContext;
  /** Pointer of the declaration. */
  readonly at: string;
}

function resolveJob(declared: JobDeclaration, place: Place): Job {
  const { file, context, at } = place;
  const kind = context.kinds.get(declared.kind);
  if (kind === undefined) {
    const known = [...context.kinds.keys()].join(', ');
    throw file.problem(`${at}/kind`, `is "${declared.kind}", which is no kind of job: ${known}`);
  }
  assertNeeds(declared, kind, place);
  const exchanges = listOf(declared.exchanges);
  return {
    name: declared.name,
    kind: declared.kind,
    timing: timingOf(declared, place),
    atStart: declared.atStart ?? false,
    after: declared.after ?? [],
    retries: declared.retries ?? RETRIES,
    retryMs: declared.retryMs ?? RETRY_MS,
    timeoutMs: declared.timeoutMs ?? TIMEOUT_MS,
    series: seriesOf(declared, place),
    stored: listOf(declared.series).includes(STORED),
    select: declared.select === undefined ? null : selectorOf(declared.select, place),
    exchanges: exchanges.flatMap((id, index) =>
      id === USED ? [] : venueId(id, `${at}/exchanges/${index}`, place),
    ),
    usedVenues: exchanges.includes(USED),
    historyDays: declared.historyDays ?? null,
  };
}

function assertNeeds(declared: JobDeclaration, { needs }: Pick<JobKind, 'needs'>, place: Place) {
  const given = [declared.series, declared.select].filter((each) => each !== undefined).length;
  if (needs === 'series' && (given !== 1 || declared.exchanges !== undefined)) {
    throw place.file.problem(
      place.at,
      `is of kind "${declared.kind}" and needs either "series" or "select", and no "exchanges"`,
    );
  }
  if (needs === 'nothing' && (given !== 0 || declared.exchanges !== undefined)) {
    throw place.file.problem(
      place.at,
      `is of kind "${declared.kind}" and takes neither "series" nor "select" nor "exchanges"`,
    );
  }
  if (needs === 'exchanges' && (given !== 0 || declared.exchanges === undefined)) {
    throw place.file.problem(
      place.at,
      `is of kind "${declared.kind}" and needs "exchanges", neither "series" nor "select"`,
    );
  }
}

function timingOf(declared: JobDeclaration, { file, context, at }: Place): Timing | null {
  const { cron, atClose, after } = declared;
  if ([cron, atClose, after].filter((each) => each !== undefined).length !== 1) {
    throw file.problem(at, 'needs exactly one of "cron", "atClose" and "after"');
  }
  if (atClose !== undefined) {
    return closeTiming(atClose.interval, atClose.delayMs ?? CLOSE_DELAY_MS);
  }
  if (cron === undefined) return null;
  const expression = cron === 'COLLECT_CRON' ? context.config.COLLECT_CRON : cron;
  const problem = cronProblem(expression);
  if (problem === null) return cronTiming(expression);
  const told = cron === 'COLLECT_CRON' ? 'takes COLLECT_CRON, which is' : 'is';
  throw file.problem(
    `${at}/cron`,
    `${told} "${expression}", which is not a cron expression like "3 * * * * *" (seconds first): ${problem}`,
  );
}

/** The series that are named; each once. */
function seriesOf(declared: JobDeclaration, place: Place): readonly Series[] {
  const at = `${place.at}/series`;
  const named = new Map<string, Series>();
  for (const [index, text] of listOf(declared.series).entries()) {
    if (text === STORED) continue;
    const pointer = Array.isArray(declared.series) ? `${at}/${index}` : at;
    const listed = text === COLLECTED ? collected(place) : [seriesNamed(text, pointer, place)];
    for (const each of listed) {
      assertSupported(each, pointer, place);
      named.set(seriesKey(each), each);
    }
  }
  return [...named.values()];
}

function collected({ context }: Place): readonly Series[] {
  return parseSeriesList(context.config.COLLECT_SERIES, COLLECTED);
}

function seriesNamed(text: string, pointer: string, { file }: Place): Series {
  const parsed = parseSeries(text);
  if (parsed !== null) return parsed;
  throw file.problem(pointer, `is "${text}", not ${SERIES_FORM}, ${COLLECTED} or ${STORED}`);
}

function listOf(declared: string | readonly string[] | undefined): readonly string[] {
  if (declared === undefined) return [];
  return typeof declared === 'string' ? [declared] : declared;
}

function selectorOf(select: NonNullable<JobDeclaration['select']>, place: Place): Selector {
  const at = `${place.at}/select`;
  const exchange = venueId(select.exchange, `${at}/exchange`, place);
  const { intervals } = place.context.venueOf(exchange);
  for (const [index, interval] of select.intervals.entries()) {
    if (intervals.includes(interval)) continue;
    const known = intervals.join(', ');
    throw place.file.problem(
      `${at}/intervals/${index}`,
      `is "${interval}", which ${exchange} does not have; it has ${known}`,
    );
  }
  return {
    exchange,
    symbols: select.symbols,
    quote: select.quote,
    intervals: select.intervals,
    symbolsMax: select.symbolsMax ?? SYMBOLS_MAX,
  };
}

function assertSupported(series: Series, pointer: string, place: Place): void {
  const exchange = venueId(series.exchange, pointer, place);
  const { marketType, intervals } = place.context.venueOf(exchange);
  if (marketType !== series.marketType) {
    throw place.file.problem(
      pointer,
      `asks ${exchange} for "${series.marketType}"; its market type is ${marketType}`,
    );
  }
  if (!intervals.includes(series.interval)) {
    throw place.file.problem(
      pointer,
      `asks ${exchange} for "${series.interval}"; it has ${intervals.join(', ')}`,
    );
  }
}

function venueId(text: string, pointer: string, { file, context }: Place): VenueId {
  try {
    return parseVenueId(text, context.config);
  } catch (error) {
    throw file.problem(pointer, `names no venue: ${errorText(error)}`);
  }
}

/** Names are known and unique, and nothing waits for itself. */
function assertOrder(file: JobsFile, jobs: readonly Job[]): void {
  const byName = new Map<string, Job>();
  for (const [index, job] of jobs.entries()) {
    if (byName.has(job.name)) {
      throw file.problem(`/jobs/${index}/name`, `is "${job.name}" for a second time`);
    }
    byName.set(job.name, job);
  }
  for (const [index, job] of jobs.entries()) {
    for (const [position, name] of job.after.entries()) {
      if (byName.has(name)) continue;
      throw file.problem(`/jobs/${index}/after/${position}`, `is "${name}", which is no job here`);
    }
    const cycle = findCycle(byName, job.name);
    if (cycle === null) continue;
    throw file.problem(`/jobs/${index}/after`, `makes jobs wait in a circle: ${cycle}`);
  }
}

/** A way from a job back to itself, in words; null where there is none. */
function findCycle(jobs: ReadonlyMap<string, Job>, start: string): string | null {
  const paths: string[][] = [[start]];
  const seen = new Set<string>();
  for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
    for (const name of jobs.get(path.at(-1) ?? '')?.after ?? []) {
      if (name === start) return [...path, name].join(' after ');
      if (seen.has(name)) continue;
      seen.add(name);
      paths.push([...path, name]);
    }
  }
  return null;
}
