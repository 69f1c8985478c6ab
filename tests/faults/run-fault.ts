/**
 * One fault on one seed: work, break, heal, wait for rest, check. In: a pipeline whose connector runs,
 * a fault. Out: a result in `results/`, and an error that names the seed where an invariant does not
 * hold. `FAULT_SEED=7` runs that seed alone.
 */
import { errorText } from '#core/errors.ts';
import { createDice, type Dice } from '../support/dice.ts';
import type { OwnProcess } from '../support/own-process.ts';
import type { TestPipeline } from '../support/pipeline.ts';
import { settle } from '../support/settle.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';
import { findViolations } from './checker.ts';
import { countDuplicates, restMerges, type Duplicates } from './duplicates.ts';
import { checkLatest, checkRebuilt, readLatest } from './latest-check.ts';
import { writeResult, type FaultRun } from './results.ts';
import { watchVersions } from './version-watch.ts';
import { violationOf, type Violation } from './violation.ts';
import { Workload } from './workload.ts';

/** Small steps and many checkpoints, so that a fault meets every state of affairs. */
export const SMALL_STEPS = {
  ANALYZER_FLUSH_ROWS_MAX: '100',
  ANALYZER_CHECKPOINT_MS: '200',
  ANALYZER_SESSION_TIMEOUT_MS: '6000',
};

const COMPLAINTS_MAX = 8;
const COMPLAINT_CHARACTERS_MAX = 300;

/** What a fault has to play with. */
export interface World {
  readonly pipeline: TestPipeline;
  readonly topic: TopicRecorder;
  readonly workload: Workload;
  readonly dice: Dice;
  /** An analyzer in small steps; ended with the run. */
  readonly startAnalyzer: (env?: Readonly<Record<string, string>>) => Promise<OwnProcess>;
  /** In order, all that were started in this run. */
  readonly stopAnalyzers: () => Promise<void>;
  /** Undone after the run, however it went. */
  readonly onEnd: (undo: () => Promise<void>) => void;
  /** Told in the result. */
  readonly note: (name: string, value: string | number) => void;
}

export interface Fault {
  /** F1 to F34 of docs/faults.md. */
  readonly id: string;
  /** Which of its kinds, in kebab-case. */
  readonly variant: string;
  /** Breaks something and mends it again; then an analyzer must run. May tell violations of its own. */
  readonly run: (world: World) => Promise<readonly Violation[] | void>;
}

/** 1 to `count`, or what `FAULT_SEED` says: one seed, or the first and the last as `2-4`. */
export function seedsOf(count: number, env = process.env): number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(env['FAULT_SEED'] ?? `1-${count}`);
  if (match === null)
    throw new Error(`FAULT_SEED "${env['FAULT_SEED']}" is no seed, like 7 or 2-4`);
  const first = Number(match[1]);
  const last = Number(match[2] ?? first);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** @param isRecorded writes the result file; the short suite does not. */
export async function runFault(
  pipeline: TestPipeline,
  topic: TopicRecorder,
  fault: Fault,
  seed: number,
  { isRecorded = true } = {},
): Promise<FaultRun> {
  process.stderr.write(`${fault.id} ${fault.variant}, FAULT_SEED=${seed}\n`);
  const notes: Record<string, string | number> = {};
  const analyzers = new Set<OwnProcess>();
  const undos: (() => Promise<void>)[] = [];
  const { pool } = pipeline;
  const name = `${fault.id}${fault.variant.replaceAll('-', '').toUpperCase().slice(0, 10)}`;
  const workload = new Workload({ pool, seed, name });
  const world: World = {
    pipeline,
    topic,
    workload,
    dice: createDice(seed * 7_919 + 13),
    startAnalyzer: async (env = {}) => {
      const started = await pipeline.startAnalyzer({ ...SMALL_STEPS, ...env });
      analyzers.add(started);
      return started;
    },
    stopAnalyzers: async () => {
      for (const analyzer of analyzers) await analyzer.stop();
    },
    onEnd: (undo) => void undos.push(undo),
    note: (key, value) => (notes[key] = value),
  };
  const run = await attempt(world, fault, analyzers);
  for (const undo of undos.reverse()) await undo();
  const result = { ...run, transactions: workload.transactions, rows: workload.rows, notes };
  if (isRecorded) writeResult(fault.id, fault.variant, seed, result);
  if (result.result !== 'held') {
    throw new Error(
      `${fault.id} ${fault.variant}, FAULT_SEED=${seed}: ${result.problems.join('; ')}`,
    );
  }
  return result;
}

type Attempt = Omit<FaultRun, 'notes' | 'transactions' | 'rows'>;

async function attempt(
  world: World,
  fault: Fault,
  analyzers: ReadonlySet<OwnProcess>,
): Promise<Attempt> {
  const { pipeline, topic, workload } = world;
  const { clickhouse } = pipeline;
  const at = new Date().toISOString();
  await restMerges(clickhouse, true);
  const before = await countDuplicates(topic, clickhouse);
  const watch = watchVersions(clickhouse);
  try {
    const own = (await fault.run(world)) ?? [];
    const healed = Date.now();
    await settle(pipeline);
    const healMs = Date.now() - healed;
    const duplicates = since(before, await countDuplicates(topic, clickhouse));
    const { violations: fell, looks } = await watch.stop();
    const violations = [
      ...own,
      ...fell,
      ...(await findViolations(pipeline, [workload])),
      ...(await checkCache(pipeline, analyzers)),
      ...(workload.rows === 0 ? violationOf('I1', 'rows were worked on', ['none']) : []),
    ];
    const problems = violations.map(({ invariant, text }) => `${invariant}: ${text}`);
    const result = problems.length === 0 ? 'held' : 'violated';
    return { result, problems, looks, duplicates, healMs, at };
  } catch (error) {
    await watch.stop().catch(() => undefined);
    await endAll(analyzers);
    const problems = [errorText(error), ...(await lastWords(analyzers))];
    const duplicates = { topic: 0, sink: 0 };
    return { result: 'failed', problems, looks: 0, duplicates, healMs: null, at };
  } finally {
    await restMerges(clickhouse, false);
  }
}

/** I10: Redis is emptied, and an analyzer that joins tells all of it again. */
async function checkCache(
  pipeline: TestPipeline,
  analyzers: ReadonlySet<OwnProcess>,
): Promise<Violation[]> {
  const { redis, clickhouse } = pipeline;
  const before = await readLatest(redis);
  const now = await checkLatest(before, clickhouse);
  for (const analyzer of analyzers) await analyzer.stop();
  await redis.flushall();
  const next = await pipeline.startAnalyzer(SMALL_STEPS);
  // What joins tells the latest values before it takes the first change.
  await settle(pipeline);
  const after = await readLatest(redis);
  await next.stop();
  const isMark = (key: string): boolean => key.includes('MARK/');
  const apart = (shown: ReadonlyMap<string, string>) =>
    new Map([...shown].filter(([key]) => !isMark(key)));
  return [
    ...now,
    ...checkRebuilt(apart(before), apart(after)),
    ...(await checkLatest(after, clickhouse)),
  ];
}

/** What the analyzers complained of last. */
async function lastWords(analyzers: ReadonlySet<OwnProcess>): Promise<string[]> {
  const words: string[] = [];
  for (const analyzer of analyzers) {
    const lines = (await analyzer.readLog())
      .split('\n')
      .filter((line) => /"level":[456]0/.test(line));
    words.push(
      ...lines.slice(-COMPLAINTS_MAX).map((line) => line.slice(0, COMPLAINT_CHARACTERS_MAX)),
    );
  }
  return words;
}

async function endAll(analyzers: ReadonlySet<OwnProcess>): Promise<void> {
  for (const analyzer of analyzers) await analyzer.kill();
}

function since(before: Duplicates, now: Duplicates): Duplicates {
  return { topic: now.topic - before.topic, sink: now.sink - before.sink };
}
