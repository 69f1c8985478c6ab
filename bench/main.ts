/**
 * `npm run bench`: measures the pipeline against baselines of the same run and prints one table.
 * In: `--only NAME` (repeatable), `--json`, `--strict`. Out: the table, or one JSON object on stdout;
 * progress goes to stderr. A missed bar is printed; it fails the command only with `--strict`.
 */
import { Command, CommanderError } from 'commander';
import { errorText } from '#core/errors.ts';
import { analyzerBench } from './analyzer.ts';
import { backfillBench } from './backfill.ts';
import { parseBench } from './parse.ts';
import { createContext, type BenchContext } from './context.ts';
import { debeziumBench } from './debezium.ts';
import { judge, type Figure, type Measured } from './figures.ts';
import { freshnessBench } from './freshness.ts';
import { machineText, readMachine } from './machine.ts';
import { renderTable } from './table.ts';
import { upsertBench } from './upsert.ts';
import { memoryBench, startBench } from './whole-stack.ts';

/** In the order in which they run: quiet ones first, the whole stack when the engines are gone. */
const BENCHES: Readonly<Record<string, (context: BenchContext) => Promise<Measured[]>>> = {
  parse: parseBench,
  upsert: upsertBench,
  backfill: backfillBench,
  debezium: debeziumBench,
  analyzer: analyzerBench,
  freshness: freshnessBench,
  start: startBench,
  memory: memoryBench,
};

interface Flags {
  readonly only?: readonly string[];
  readonly json?: boolean;
  readonly strict?: boolean;
}

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

async function main(flags: Flags): Promise<number> {
  const names = flags.only ?? Object.keys(BENCHES);
  const unknown = names.filter((name) => BENCHES[name] === undefined);
  if (unknown.length > 0) {
    process.stderr.write(
      `bench: "${unknown.join('", "')}" is none of ${Object.keys(BENCHES).join(', ')}\n`,
    );
    return EXIT_USAGE;
  }
  const startedAt = performance.now();
  const say = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => abort.abort(new Error(`stopped by ${signal}`)));
  }
  const machine = await readMachine();
  process.stderr.write(`${machineText(machine)}\n`);
  const figures = await runAll(names, say, abort.signal);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ machine, figures, seconds })}\n`
      : `\n${machineText(machine)}\n\n${renderTable(figures)}\n\n${verdict(figures)}, ${seconds} s\n`,
  );
  return flags.strict === true && figures.some(({ passed }) => passed === false) ? EXIT_FAILED : 0;
}

async function runAll(
  names: readonly string[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  const { context, close } = createContext({ say, signal });
  try {
    for (const [name, bench] of Object.entries(BENCHES)) {
      if (!names.includes(name)) continue;
      signal.throwIfAborted();
      say(name);
      figures.push(...(await untilAborted(bench(context), signal)).map((found) => judge(found)));
    }
  } finally {
    await close();
  }
  return figures;
}

/** Ctrl-C does not wait for a bench: its engines are stopped under it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  work.catch(() => undefined);
  return Promise.race([work, promise]);
}

function verdict(figures: readonly Figure[]): string {
  const judged = figures.filter(({ passed }) => passed !== null);
  const missed = judged.filter(({ passed }) => passed === false).length;
  const suspect = figures.filter((figure) => figure.suspect).length;
  return `${judged.length - missed} of ${judged.length} bars passed, ${missed} missed, ${suspect} suspect baselines`;
}

const program = new Command('bench')
  .description(
    'measure the pipeline on engines of its own, each figure beside a baseline of the same run',
  )
  .option('--only <name...>', `only these: ${Object.keys(BENCHES).join(', ')}`)
  .option('--json', 'print one JSON object on stdout, progress on stderr')
  .option('--strict', 'exit 1 when a figure misses its bar; without it that is only printed')
  .exitOverride()
  .action(async (flags: Flags) => {
    process.exitCode = await main(flags);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  } else {
    process.stderr.write(`bench: ${errorText(error)}\n`);
    process.exitCode = EXIT_FAILED;
  }
}
process.exit();
