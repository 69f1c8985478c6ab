/**
 * The `wick` command line. Thin: each command is a module of `scripts/commands`, loaded when called,
 * so that production images need not hold what only the embedded stack uses.
 * Exit codes: 0 done, 1 failed, 2 wrong usage. Results go to stdout, everything else to stderr.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { JsonFlag, UpFlags } from './commands/flags.ts';
import { describeFailure, EXIT_USAGE } from './failure.ts';

const PackageFile = Type.Object({ version: Type.String() });

/** Waits for a command and keeps its verdict, where it has one: its exit code. */
type Finish = (work: Promise<number | void>) => Promise<void>;

/** @param args what follows `wick`. @returns the exit code. */
export async function runWick(args: readonly string[]): Promise<number> {
  let code = 0;
  const finish: Finish = async (work) => {
    code = (await work) ?? 0;
  };
  try {
    await createProgram(finish).parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const { text, exitCode } = describeFailure(error);
    process.stderr.write(`wick: ${text}\n`);
    return exitCode;
  }
}

function createProgram(finish: Finish): Command {
  const program = new Command('wick')
    .description('Wickstream: market candles from venue to signal, with proof')
    .version(readVersion(), '-V, --version', 'print the version')
    .showHelpAfterError()
    .exitOverride();
  addStackCommands(program, finish);
  addSetupCommands(program, finish);
  addConnectorCommands(program, finish);
  return program;
}

function readVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  return Value.Parse(PackageFile, JSON.parse(text)).version;
}

function addStackCommands(program: Command, finish: Finish): void {
  program
    .command('up')
    .description('start the embedded stack (no Docker) and show the pipeline at work')
    .option('--once', 'end when the recorded input is drained; exit 0 only if the stores reconcile')
    .option('--json', 'print one JSON object on stdout at the end, progress on stderr')
    .option('--data <dir>', 'feed a folder of candle CSVs (SYMBOL-INTERVAL.csv[.gz]) instead')
    .option('--speed <n>', 'replayed seconds per second without --once', '60')
    .option('--live', 'use the real venue instead of the recorded one')
    .option('--no-connector', 'leave the connector to "curl" or "wick connector activate"')
    .action(async (options: UpFlags) => finish((await import('./commands/up.ts')).up(options)));
  program
    .command('down')
    .description('stop a running embedded stack')
    .action(async () => finish((await import('./commands/down.ts')).down()));
  program
    .command('status')
    .description('say how the pipeline is: stores, connector, slot, lag, counts')
    .option('--json', 'print one JSON object')
    .action(async (options: JsonFlag) =>
      finish((await import('./commands/status.ts')).status(options)),
    );
  program
    .command('reset')
    .description('stop the embedded stack and remove all its data')
    .option('--yes', 'do not ask')
    .action(async (options: { yes?: boolean }) =>
      finish((await import('./commands/reset.ts')).reset(options)),
    );
  program
    .command('doctor')
    .description('check what the stack needs and say what to do')
    .option('--json', 'print one JSON object')
    .action(async (options: JsonFlag) =>
      finish((await import('./commands/doctor.ts')).doctor(options)),
    );
}

function addSetupCommands(program: Command, finish: Finish): void {
  program
    .command('migrate')
    .description('bring schemas, roles, publication, topics and tables up to date; safe to repeat')
    .option('--json', 'print one JSON object')
    .action(async (options: JsonFlag) =>
      finish((await import('./commands/migrate.ts')).migrate(options)),
    );
  program
    .command('bootstrap')
    .description('the same as migrate, waiting first for the stores to answer')
    .option('--json', 'print one JSON object')
    .action(async (options: JsonFlag) =>
      finish((await import('./commands/migrate.ts')).bootstrap(options)),
    );
}

function addConnectorCommands(program: Command, finish: Finish): void {
  const connector = program
    .command('connector')
    .description('the Debezium connector of pg-connector.json');
  connector
    .command('activate')
    .description('create it, or bring it to the file')
    .option('--file <path>', 'the connector file (default: pg-connector.json of the checkout)')
    .action(async (options: { file?: string }) =>
      finish((await import('./commands/connector.ts')).activate(options)),
    );
  connector
    .command('status')
    .description('its state and that of its task; exit 1 unless both run')
    .option('--json', 'print one JSON object')
    .action(async (options: JsonFlag) =>
      finish((await import('./commands/connector.ts')).status(options)),
    );
  connector
    .command('remove')
    .description('remove it; slot and publication stay')
    .action(async () => finish((await import('./commands/connector.ts')).remove()));
}

/** A reader that has seen enough (`wick status | head -1`) is no failure. */
function ignoreGoneReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}

/** Runs this process's command line, and ends the process. */
export async function main(): Promise<never> {
  process.stdout.on('error', ignoreGoneReader);
  process.stderr.on('error', ignoreGoneReader);
  process.exit(await runWick(process.argv.slice(2)));
}

if (import.meta.main) await main();
