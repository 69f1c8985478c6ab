/**
 * docs/faults.md from the result files, as text. In: results. Out: one document; no row of it is
 * written by hand. Run by itself it writes the file.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { CATALOGUE } from './catalogue.ts';
import { readResults, type FaultRun, type ResultFile } from './results.ts';

export const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'faults.md');

const HEAD = `# Faults

Written by \`npm run faults:report\` from the results of \`npm run test:faults\`; changes by hand are lost.

Each fault runs on the real engines under a seeded workload: twelve series in three intervals, with
holes, late candles, revisions and deletes. Then it is healed, everything comes to rest, and a checker
with its own SQL reads Postgres and ClickHouse. \`FAULT_SEED=7 npm run test:faults -- crash-points\`
replays one seed of one file.

| Invariant | What holds |
| --- | --- |
| I1 | closed candles are equal in both stores, by number and 128-bit sum of every series and day |
| I2 | each has exactly one row of features and one signal, of its own version; what is gone has none |
| I3 | features and signals are those of a computation anew: to the bit by the core, and to 1e-9 by sums of the checker's own for averages, bands and returns. No TA-Lib |
| I4 | no signal without its candle, none caused before it |
| I5 | no key is ever seen with a lower version than before, by a reader that looks during the fault |
| I6 | what Postgres acknowledged is there |
| I7 | as many dead letters as records that cannot be read, byte for byte |
| I9 | everything is at rest within 90 s of healing |
| I10 | Redis, emptied, shows the same again |

A run that does not hold stays in the table. "Twice" counts what came more than once: records in the
topic, rows in ClickHouse; none of them may show. Time to heal is from the end of the fault until nothing
is left to consume.

`;

const ROW_HEAD = `| Fault | Kind | Seeds | Twice in topic | Twice in ClickHouse | Time to heal, s | Result |
| --- | --- | --- | --- | --- | --- | --- |
`;

export async function faultsDocument(results: readonly ResultFile[]): Promise<string> {
  const rows = CATALOGUE.flatMap(({ id, title }) => {
    const found = results.filter(({ fault }) => fault === id);
    if (found.length === 0) return [`| ${id} ${title} | | 0 | | | | not run |`];
    return found.map((file, index) => rowOf(index === 0 ? `${id} ${title}` : id, file));
  });
  const text = `${HEAD}${ROW_HEAD}${rows.join('\n')}\n${problems(results)}${notes(results)}`;
  return format(text, { ...(await resolveConfig(DOCUMENT)), parser: 'markdown' });
}

function rowOf(name: string, { variant, runs }: ResultFile): string {
  const all = Object.values(runs);
  const held = all.filter(({ result }) => result === 'held').length;
  const heals = all.flatMap(({ healMs }) => (healMs === null ? [] : [healMs / 1_000]));
  const sum = (of: (run: FaultRun) => number): number =>
    all.reduce((total, run) => total + of(run), 0);
  const times =
    heals.length === 0 ? '–' : `${Math.min(...heals).toFixed(1)}–${Math.max(...heals).toFixed(1)}`;
  const cells = [
    name,
    variant.replaceAll('-', ' '),
    all.length,
    sum(({ duplicates }) => duplicates.topic),
    sum(({ duplicates }) => duplicates.sink),
    times,
    held === all.length ? 'held' : `**${held} of ${all.length} held**`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function problems(results: readonly ResultFile[]): string {
  const lines = results.flatMap(({ fault, variant, runs }) =>
    Object.entries(runs)
      .filter(([, { result }]) => result !== 'held')
      .map(([seed, run]) => `- ${fault} ${variant}, seed ${seed}: \`${run.problems.join('; ')}\``),
  );
  return lines.length === 0 ? '' : `\n## What did not hold\n\n${lines.join('\n')}\n`;
}

/** What the runs say beside: of the first seed, as an example. */
function notes(results: readonly ResultFile[]): string {
  const lines = results.flatMap(({ fault, variant, runs }) => {
    const [first] = Object.entries(runs);
    const told = Object.entries(first?.[1].notes ?? {});
    if (first === undefined || told.length === 0) return [];
    const text = told.map(([name, value]) => `${name}: ${value}`).join('; ');
    return [`- ${fault} ${variant}, seed ${first[0]}: ${text}`];
  });
  return lines.length === 0 ? '' : `\n## What the runs tell beside\n\n${lines.join('\n')}\n`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(DOCUMENT, await faultsDocument(readResults()));
}
