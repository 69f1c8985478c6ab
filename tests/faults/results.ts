/**
 * Results of fault runs, a file a fault, from which docs/faults.md is made. In: a run. Out: JSON in
 * `results/`, keyed by seed; running a seed again replaces its result.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

export const RESULTS = join(import.meta.dirname, 'results');

const Run = Type.Object({
  result: Type.Union([Type.Literal('held'), Type.Literal('violated'), Type.Literal('failed')]),
  /** What did not hold, or what went wrong. */
  problems: Type.Array(Type.String()),
  transactions: Type.Integer(),
  rows: Type.Integer(),
  /** How often the reader looked at all current rows during the fault. */
  looks: Type.Integer(),
  duplicates: Type.Object({ topic: Type.Integer(), sink: Type.Integer() }),
  /** From the end of the fault to both stores at rest, ms; null where they never were. */
  healMs: Type.Union([Type.Integer(), Type.Null()]),
  /** What else the fault tells of itself. */
  notes: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  at: Type.String(),
});
export type FaultRun = Static<typeof Run>;

const ResultFile = Type.Object({
  fault: Type.String(),
  variant: Type.String(),
  runs: Type.Record(Type.String(), Run),
});
export type ResultFile = Static<typeof ResultFile>;

/** All results, in the order of their files. */
export function readResults(folder = RESULTS): ResultFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names
    .sort()
    .map((name) => Value.Parse(ResultFile, JSON.parse(readFileSync(join(folder, name), 'utf8'))));
}

export function writeResult(fault: string, variant: string, seed: number, run: FaultRun): void {
  mkdirSync(RESULTS, { recursive: true });
  const name = `${fault}-${variant}.json`;
  const known = readResults().find((file) => file.fault === fault && file.variant === variant);
  const runs = Object.fromEntries(
    Object.entries({ ...known?.runs, [String(seed)]: run }).sort(
      ([a], [b]) => Number(a) - Number(b),
    ),
  );
  writeFileSync(join(RESULTS, name), `${JSON.stringify({ fault, variant, runs }, null, 2)}\n`);
}
