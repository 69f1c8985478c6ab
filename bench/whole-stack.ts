/**
 * The whole embedded stack, run once from a fresh copy of the checkout: how long until the first
 * signal, and how much memory every process has once the recorded candles are through. In: cached
 * engines. Out: the figures of the command's own summary. Copy, data and processes are gone after.
 */
import { spawn } from 'node:child_process';
import { chmod, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { freePort } from '../local/stack/ports.ts';
import { PORT_VARIABLES, STACK_PORTS } from '../local/stack/stack-ports.ts';
import { CHECKOUT } from './bench-stack.ts';
import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
import { spreadOf } from './statistics.ts';

const FIRST_SIGNAL_SECONDS_MAX = 45;
const MEMORY_MIB_MAX = 2560;
const RUN_TIMEOUT_MS = 240_000;
/** What a clone would not have, and what is too large to copy. */
const LEFT_OUT = /^(?:node_modules|\.git|\.wickstream.*|coverage|reports)$/;

const Summary = Type.Object({
  mismatches: Type.Integer(),
  seconds: Type.Object({ firstSignal: Type.Number(), drained: Type.Number() }),
  memoryMb: Type.Record(Type.String(), Type.Number()),
});

interface WholeRun {
  readonly summary: Static<typeof Summary>;
  /** From starting the command until the first line it prints about itself. */
  readonly bootSeconds: number;
}

export async function startBench(context: BenchContext): Promise<Measured[]> {
  const { summary, bootSeconds } = await context.once(runWholeStack);
  const { firstSignal, drained } = summary.seconds;
  const figure = (name: string, seconds: number, bar: Measured['bar']): Measured => ({
    bench: 'start',
    name,
    unit: 's',
    spread: spreadOf([bootSeconds + seconds]),
    baseline: null,
    bar,
  });
  return [
    figure('to the first signal', firstSignal, {
      kind: 'value_max',
      value: FIRST_SIGNAL_SECONDS_MAX,
    }),
    figure('to drained and reconciled', drained, null),
  ];
}

export async function memoryBench(context: BenchContext): Promise<Measured[]> {
  const { summary } = await context.once(runWholeStack);
  return Object.entries(summary.memoryMb).map(([name, mib]) => ({
    bench: 'memory',
    name: name === 'total' ? 'all processes' : name,
    unit: 'MiB',
    spread: spreadOf([mib]),
    baseline: null,
    bar: name === 'total' ? { kind: 'value_max', value: MEMORY_MIB_MAX } : null,
  }));
}

/** @throws Error with the end of the command's output when it fails or the stores differ. */
async function runWholeStack(context: BenchContext): Promise<WholeRun> {
  const folder = await mkdtemp(join(tmpdir(), 'wick-bench-whole-'));
  context.onClose(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const checkout = join(folder, 'checkout');
  await cp(CHECKOUT, checkout, {
    recursive: true,
    filter: (source) => !LEFT_OUT.test(basename(source)),
  });
  await symlink(join(CHECKOUT, 'node_modules'), join(checkout, 'node_modules'));
  const env: Record<string, string | undefined> = { ...process.env };
  delete env['WICK_ENV_FILE'];
  env['WICKSTREAM_DATA_DIR'] = join(folder, 'data');
  for (const name of STACK_PORTS) env[PORT_VARIABLES[name].variable] = String(await freePort());
  context.say('start: the whole stack, from nothing to drained');
  const run = await runCommand(context, checkout, env);
  if (run.summary.mismatches > 0) throw new Error('the stores differ; see the output above');
  return run;
}

/** What `npm start -- --once --json` runs. */
async function runCommand(
  context: BenchContext,
  checkout: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<WholeRun> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['scripts/wick.ts', 'up', '--once', '--json'], {
    cwd: checkout,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_TIMEOUT_MS,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // It stops its own processes, in order; nothing may be left when the bench ends.
  context.onClose(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let stdout = '';
  let stderr = '';
  let bootSeconds = 0;
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr === '') bootSeconds = (performance.now() - startedAt) / 1000;
    stderr += chunk.toString('utf8');
  });
  const code = await ended;
  if (code !== 0) {
    throw new Error(`the stack ended with ${code}: ${stderr.slice(-2000)}${stdout.slice(-2000)}`);
  }
  return { summary: Value.Parse(Summary, JSON.parse(stdout)), bootSeconds };
}
