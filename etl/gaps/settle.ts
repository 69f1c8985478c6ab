/**
 * The rule of the gap ledger. In: what the ledger says of a window, which candles are not stored there
 * now, and what the venue answered when it was asked. Out: the rows as they should be, and how many
 * candles changed their cause. Pure. The same facts give the same rows, so a survey that finds
 * nothing new changes nothing.
 *
 * Rows are ranges of slots that share one story: a range is cut where its parts fare differently, and
 * neighbours are joined where nothing tells them apart.
 */
import { expectedSpan, firstExpected, type ExpectedGrid } from '#core/calendar.ts';
import { GAP_CAUSES, type Gap, type GapCause } from '#core/gap.ts';
import type { EpochMs } from '#core/time.ts';

/** Open times in `[from, to)`. */
export interface TimeRange {
  readonly from: EpochMs;
  readonly to: EpochMs;
}

/** What came of asking the venue for a range; what is still missing there after it is judged by it. */
export interface Answer extends TimeRange {
  /** Null where it answered, else why not. */
  readonly failure: string | null;
  /** Rows of the venue that cannot be candles, by their slot. */
  readonly refused: readonly (TimeRange & { readonly reason: string })[];
  /** Said of what turns out empty, for people; null where there is nothing to add. */
  readonly remark: string | null;
  readonly runId: string | null;
}

export interface Findings {
  readonly grid: ExpectedGrid;
  /** What was looked at; rows and parts of rows outside of it stay as they are. */
  readonly window: TimeRange;
  /** Where no candle is stored. */
  readonly holes: readonly TimeRange[];
  /** Where a real candle has taken the place of one that was made up. */
  readonly replaced: readonly TimeRange[];
  /** Rows that overlap the window or touch it, rising. */
  readonly known: readonly Gap[];
  readonly answer: Answer | null;
  /** Where the venue is known to have been halted: one answer is enough there. */
  readonly halted: readonly (TimeRange & { readonly detail: string })[];
  /** Candles that open before this cannot be had from the venue; null where it has all. */
  readonly reachFrom: EpochMs | null;
  /** Our clock. */
  readonly now: EpochMs;
}

/** Candles that came to have a cause which they had not before. */
export type CauseCounts = Readonly<Record<GapCause, number>>;

export interface GapCounts {
  /** Candles found missing that were not known to be. */
  readonly found: number;
  readonly changed: CauseCounts;
}

export interface Settled extends GapCounts {
  /** What should stand in the place of `known`, rising. */
  readonly rows: readonly Gap[];
}

/** Answers without the candles after which it is settled that the venue has none. */
export const EMPTY_ANSWERS_ENOUGH = 2;
/** After so many questions of any outcome a candle is given up. */
export const ATTEMPTS_MAX = 5;

export function noCauses(): Record<GapCause, number> {
  return { missing: 0, venue_empty: 0, repaired: 0, unrepairable: 0, synthetic: 0 };
}

export function settleGaps(findings: Findings): Settled {
  const { grid, window, holes, known, answer } = findings;
  const rows: Gap[] = [];
  const changed = noCauses();
  let found = 0;
  const refused = answer?.refused ?? [];
  const { halted, replaced } = findings;
  const ranges = [window, ...holes, ...replaced, ...known, ...refused, ...halted];
  const cuts = cutPoints(findings, ranges);
  const knownAt = cursor(known);
  const holeAt = cursor(holes);
  const replacedAt = cursor(replaced);
  const refusedAt = cursor(refused);
  for (const [index, from] of cuts.entries()) {
    const to = cuts[index + 1];
    if (to === undefined) break;
    const before = knownAt(from);
    const isHole = holeAt(from) !== undefined;
    const isReplaced = replacedAt(from) !== undefined;
    const refusal = refusedAt(from);
    if (before === undefined && !isHole) continue;
    const span = expectedSpan(grid, from, to);
    if (span === null) continue;
    const isSeen = from >= window.from && from < window.to;
    const after = isSeen
      ? judge(findings, { before, isHole, isReplaced, refusal: refusal?.reason ?? null, from })
      : before;
    if (after === undefined) continue;
    if (after.cause !== before?.cause) changed[after.cause] += span.candles;
    if (isHole && isNews(before)) found += span.candles;
    addRow(grid, rows, { ...after, ...span });
  }
  return { rows, found, changed };
}

interface Slots {
  readonly before: Gap | undefined;
  readonly isHole: boolean;
  readonly isReplaced: boolean;
  readonly refusal: string | null;
  readonly from: EpochMs;
}

/** What is to be said of neighbouring slots of which the same is known. */
function judge(findings: Findings, slots: Slots): Gap | undefined {
  const { before, isHole, isReplaced } = slots;
  const { now } = findings;
  if (!isHole) {
    if (before === undefined || before.cause === 'repaired') return before;
    if (before.cause === 'synthetic' && !isReplaced) return before;
    return { ...before, cause: 'repaired', resolvedAt: now, detail: repairedFrom(before) };
  }
  const open = before === undefined || isNews(before) ? newGap(now) : before;
  if (open.cause !== 'missing') return open;
  const asked = afterAnswer(findings, slots, open);
  if (asked.cause !== 'missing') return asked;
  if (findings.reachFrom !== null && slots.from < findings.reachFrom) {
    const detail = 'older than what the venue still tells';
    return { ...asked, cause: 'unrepairable', resolvedAt: now, detail };
  }
  return asked;
}

function afterAnswer({ answer, now, halted }: Findings, slots: Slots, gap: Gap): Gap {
  if (answer === null || slots.from < answer.from || slots.from >= answer.to) return gap;
  const attempts = gap.attempts + 1;
  const asked = { ...gap, attempts, lastCheckedAt: now, lastRunId: answer.runId ?? gap.lastRunId };
  if (answer.failure !== null || slots.refusal !== null) {
    const detail = answer.failure ?? `the venue’s row is in quarantine: ${slots.refusal}`;
    if (attempts < ATTEMPTS_MAX) return { ...asked, detail };
    return { ...asked, cause: 'unrepairable', resolvedAt: now, detail };
  }
  const emptyAnswers = gap.emptyAnswers + 1;
  const halt = halted.find(({ from, to }) => slots.from >= from && slots.from < to);
  if (halt === undefined && emptyAnswers < EMPTY_ANSWERS_ENOUGH) {
    return { ...asked, emptyAnswers, detail: null };
  }
  const times = emptyAnswers === 1 ? 'once' : `${emptyAnswers} times`;
  const remark = halt?.detail ?? answer.remark;
  const detail = `answered ${times} without them${remark === null ? '' : `; ${remark}`}`;
  return { ...asked, emptyAnswers, cause: 'venue_empty', resolvedAt: now, detail };
}

function newGap(now: EpochMs): Gap {
  return {
    from: now,
    to: now,
    candles: 0,
    cause: 'missing',
    attempts: 0,
    emptyAnswers: 0,
    firstSeenAt: now,
    lastCheckedAt: null,
    resolvedAt: null,
    detail: null,
    lastRunId: null,
  };
}

/** Nothing was known, or a candle was there, so that its absence is a new story. */
function isNews(before: Gap | undefined): boolean {
  return before === undefined || before.cause === 'repaired' || before.cause === 'synthetic';
}

/** What it was before is worth telling where it had been an answer. */
function repairedFrom({ cause }: Gap): string | null {
  return cause === 'missing' ? null : `was ${cause}`;
}

/** Adds a row, or lengthens the last one where nothing tells them apart. */
function addRow(grid: ExpectedGrid, rows: Gap[], row: Gap): void {
  const last = rows.at(-1);
  const isJoined =
    last !== undefined && isSameStory(last, row) && firstExpected(grid, last.to) === row.from;
  if (!isJoined) {
    rows.push(row);
    return;
  }
  rows[rows.length - 1] = {
    ...last,
    to: row.to,
    candles: last.candles + row.candles,
    firstSeenAt: last.firstSeenAt < row.firstSeenAt ? last.firstSeenAt : row.firstSeenAt,
    lastCheckedAt: later(last.lastCheckedAt, row.lastCheckedAt),
    lastRunId: row.lastRunId ?? last.lastRunId,
  };
}

function isSameStory(a: Gap, b: Gap): boolean {
  return (
    a.cause === b.cause &&
    a.attempts === b.attempts &&
    a.emptyAnswers === b.emptyAnswers &&
    a.resolvedAt === b.resolvedAt &&
    a.detail === b.detail
  );
}

function later(a: EpochMs | null, b: EpochMs | null): EpochMs | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}

/** Every time at which something begins or ends, rising, each once. */
function cutPoints({ answer, reachFrom }: Findings, ranges: readonly TimeRange[]): EpochMs[] {
  const cuts = new Set<EpochMs>();
  for (const { from, to } of ranges) cuts.add(from).add(to);
  if (answer !== null) cuts.add(answer.from).add(answer.to);
  if (reachFrom !== null) cuts.add(reachFrom);
  return [...cuts].sort((a, b) => a - b);
}

/** Finds the range that holds a time; times asked for must rise, as the ranges do. */
function cursor<Range extends TimeRange>(
  ranges: readonly Range[],
): (time: EpochMs) => Range | undefined {
  let index = 0;
  return (time) => {
    for (let range = ranges[index]; range !== undefined; range = ranges[index]) {
      if (time < range.from) return undefined;
      if (time < range.to) return range;
      index += 1;
    }
    return undefined;
  };
}

/** Sums of two reconciliations. */
export function addCounts(a: GapCounts, b: GapCounts): GapCounts {
  const changed = noCauses();
  for (const cause of GAP_CAUSES) changed[cause] = a.changed[cause] + b.changed[cause];
  return { found: a.found + b.found, changed };
}
