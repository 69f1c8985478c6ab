/**
 * The `wick` command line. Thin: each command is a module of `scripts/commands`, loaded when called,
 * so that production images need not hold what only the embedded stack uses.
 * Exit codes: 0 done, 1 failed, 2 wrong usage. Results go to stdout, everything else to stderr; with
 * --json stdout gets exactly one object, `{"error":{"code":…,"message":…}}` where there is no result.
 */
import { Command, CommanderError, Option } from 'commander';
import { packageVersion } from '#platform/package-version.ts';
import type {
  JsonFlag,
  NormalizeFlags,
  SourceFlags,
  StreamFlags,
  UpFlags,
} from './commands/flags.ts';
import type { BackfillFlags } from './commands/backfill.ts';
import type { EpochFlags } from './commands/epoch.ts';
import type { GapFillFlags, GapListFlags, GapRepairFlags } from './commands/gaps.ts';
import type { QuarantineFlags, RedriveFlags } from './commands/quarantine.ts';
import type { RecoverFlags } from './commands/recover.ts';
import type { RunFlags } from './commands/run.ts';
import type { SyncFlags } from './commands/sync.ts';
import { describeFailure, failureJson } from './failure.ts';
import { addLetterCommands, addProofCommands, type Finish } from './proof-commands.ts';

/** Waits for a command and keeps its verdict, where it has one: its exit code. */

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
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = describeFailure(error);
    if (failure.text !== null) process.stderr.write(`wick: ${failure.text}\n`);
    // Whoever asked for an object gets one.
    if (args.includes('--json')) process.stdout.write(failureJson(failure));
    return failure.exitCode;
  }
}

const HELP_NOTES = `
up, down and reset are about the embedded stack; the others work with Docker
Compose too, by "docker compose run --rm app <command>".
Exit codes: 0 done, 1 failed, 2 wrong usage.`;

function createProgram(finish: Finish): Command {
  const program = new Command('wick')
    .description('Wickstream: market candles from venue to signal, with proof')
    .version(packageVersion(), '-V, --version', 'print the version')
    .addHelpText('after', HELP_NOTES)
    .showHelpAfterError()
    .exitOverride();
  addStackCommands(program, finish);
  addSetupCommands(program, finish);
  addCaptureCommands(program, addConnectorCommands(program, finish), finish);
  addLetterCommands(program, finish);
  addProofCommands(program, finish);
  addStreamCommand(program, finish);
  addVenueCommands(program, finish);
  addSourceCommands(program, finish);
  addHistoryCommands(program, finish);
  addLedgerCommands(program, finish);
  return program;
}

function addStackCommands(program: Command, finish: Finish): void {
  program
    .command('up')
    .description('start the embedded stack (no Docker) and show the pipeline at work until Ctrl-C')
    .option('--once', 'end when the recorded input is drained; exit 0 only if the stores reconcile')
    .option('--json', 'with --once: print one JSON object on stdout, progress on stderr')
    .option(
      '--data <dir>',
      'feed candle CSVs (SYMBOL-INTERVAL.csv[.gz]) instead of the bundled ones',
    )
    .option('--speed <n>', 'without --once: recorded seconds that pass in one second', '60')
    .option('--live', 'ask the real venue, by default for BTC/USDT 1m, 7 days back; needs internet')
    .option(
      '--no-connector',
      'do not register the connector: "wick connector activate" does, or curl',
    )
    .action(async (options: UpFlags) => finish((await import('./commands/up.ts')).up(options)));
  program
    .command('down')
    .description('stop the embedded stack in order, or what a crash has left of it')
    .action(async () => finish((await import('./commands/down.ts')).down()));
  program
    .command('status')
    .description(
      'say how the pipeline is: connector, slot, lag, counts; exit 1 unless all of it works',
    )
    .option('--json', 'print one JSON object')
    .action(async (options: JsonFlag) =>
      finish((await import('./commands/status.ts')).status(options)),
    );
  program
    .command('reset')
    .description('stop the embedded stack and remove all its data; downloaded engines stay')
    .option('--yes', 'do not ask first')
    .action(async (options: { yes?: boolean }) =>
      finish((await import('./commands/reset.ts')).reset(options)),
    );
  program
    .command('doctor')
    .description('check machine, services and pipeline, say what to do; exit 1 unless all is well')
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
    .description('the same as migrate, but wait up to 2 minutes for the stores to answer')
    .option('--json', 'print one JSON object')
    .action(async (options: JsonFlag) =>
      finish((await import('./commands/migrate.ts')).bootstrap(options)),
    );
}

function addConnectorCommands(program: Command, finish: Finish): Command {
  const connector = program
    .command('connector')
    .description('the Debezium connector, which carries changes from Postgres to Kafka');
  connector
    .command('activate')
    .description('register it, or bring it to its file; may be repeated')
    .option('--file <path>', 'another file than pg-connector.json')
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
    .description('remove it; its slot and the publication stay')
    .option('--forget', 'with its slot and its place in the WAL: the next one takes a new snapshot')
    .action(async (options: { forget?: boolean }) =>
      finish((await import('./commands/connector.ts')).remove(options)),
    );
  return connector;
}

function addCaptureCommands(program: Command, connector: Command, finish: Finish): void {
  connector
    .command('recover')
    .description(
      'a new slot where the old one is lost, dropped or moved, and all rows sent once more; ' +
        'says what is wrong, and touches nothing without --yes',
    )
    .option('--yes', 'do it')
    .option('--json', 'print one JSON object')
    .action(async (options: RecoverFlags) =>
      finish((await import('./commands/recover.ts')).recover(options)),
    );
  program
    .command('epoch')
    .description('which Postgres the changes come from')
    .command('begin')
    .description(
      'take on a restored or new Postgres: lift its WAL above what was captured before, so that ' +
        'what it writes ranks above what is stored; touches nothing without --yes',
    )
    .option('--yes', 'do it')
    .option('--json', 'print one JSON object')
    .action(async (options: EpochFlags) =>
      finish((await import('./commands/epoch.ts')).begin(options)),
    );
  program
    .command('watch')
    .description(
      'look after change capture until Ctrl-C: restart failed tasks, tell within a minute when the ' +
        'slot is lost, dropped or moved, or Postgres is another one',
    )
    .action(async () => finish((await import('./commands/watch.ts')).watch()));
}

function addStreamCommand(program: Command, finish: Finish): void {
  program
    .command('stream')
    .description(
      'stream one series of a venue into Postgres, and tell of its candles, until Ctrl-C',
    )
    .requiredOption('--exchange <id>', 'for example binance-futures')
    .requiredOption('--symbol <symbol>', 'BTC/USDT, or as the venue spells it: btcusdt')
    .option('--channel <name>', 'the channel as the venue names it: kline_1m, candle, candles')
    .option('--tf <interval>', 'the interval: 1m; needed where the channel does not say it')
    .option('--limit <n>', 'end after that many closed candles')
    .option('--json', 'print one JSON object a candle, a line each')
    .action(async (options: StreamFlags) =>
      finish((await import('./commands/stream.ts')).stream(options)),
    );
}

function addVenueCommands(program: Command, finish: Finish): void {
  program
    .command('normalize')
    .description(
      'turn a raw answer of a venue into canonical rows: JSON lines on stdout, rejected rows with ' +
        'their reasons on stderr; exit 1 if any was rejected. Needs no stack and no network',
    )
    .argument('<file>', 'the bare answer, or frames, gzipped or not, up to 64 MiB; "-" reads stdin')
    .requiredOption('--exchange <id>', 'whose answer it is, for example binance-futures')
    .addOption(
      new Option('--kind <kind>', 'what is in it')
        .choices(['klines', 'symbols', 'stream'])
        .makeOptionMandatory(),
    )
    .option('--symbol <symbol>', 'any spelling; needed where the payload does not name it')
    .option('--tf <interval>', 'for example 1m; needed where the payload does not name it')
    .option('--now <time>', "the venue's clock, which closes candles, as ISO time with zone")
    .action(async (file: string, options: NormalizeFlags) =>
      finish((await import('./commands/normalize.ts')).normalize(file, options)),
    );
}

function addSourceCommands(program: Command, finish: Finish): void {
  program
    .command('source')
    .description('web sources that are declared in JSON files, see docs/adding-a-web-source.md')
    .command('try <file>')
    .description(
      'read a saved page by a declaration; rates as JSON lines, exit 1 unless all are good',
    )
    .requiredOption('--page <file>', 'the page, as a browser or curl saved it')
    .option('--day <YYYY-MM-DD>', 'the day that the page was asked for, where its address has one')
    .action(async (file: string, options: SourceFlags) =>
      finish((await import('./commands/source.ts')).trySource(file, options)),
    );
}

function addHistoryCommands(program: Command, finish: Finish): void {
  program
    .command('sync')
    .description('bring the catalogue up to date: symbols, listings and delistings, intervals')
    .option('--exchange <ids>', 'comma-separated venues; all of them by default')
    .option('--json', 'print one JSON object')
    .action(async (options: SyncFlags) =>
      finish((await import('./commands/sync.ts')).sync(options)),
    );
  program
    .command('run')
    .description('read the newest closed candles, or a range, of one series into Postgres')
    .option('--mode <mode>', 'batch', 'batch')
    .requiredOption('--exchange <id>', 'venue, for example binance-futures')
    .requiredOption('--symbol <symbol>', 'in any spelling: BTC/USDT, btcusdt')
    .requiredOption('--tf <interval>', 'width of the candles, for example 1h')
    .option('--limit <n>', 'the newest closed candles, 500 by default')
    .option('--from <time>', 'first open time: a day or an ISO instant')
    .option('--to <time>', 'open times end before this; by default with the newest closed candle')
    .option('--json', 'print one JSON object')
    .action(async (options: RunFlags) => finish((await import('./commands/run.ts')).run(options)));
  program
    .command('backfill')
    .description('read the history of series into Postgres; killed, the same command goes on')
    .requiredOption('--exchange <ids>', 'comma-separated venues, for example binance-futures')
    .requiredOption('--symbol <symbols>', 'comma-separated, in any spelling: BTC/USDT,ethusdt')
    .requiredOption('--tf <intervals>', 'comma-separated widths of candles, for example 1h,1d')
    .option('--from <time>', 'first open time: a day or an ISO instant; by default the listing')
    .option('--to <time>', 'open times end before this; by default with the newest closed candle')
    .option('--dry-run', 'print the plan with its requests and weight, and read nothing')
    .option('--json', 'print one JSON object')
    .action(async (options: BackfillFlags) =>
      finish((await import('./commands/backfill.ts')).backfill(options)),
    );
}

/** Options that choose series, on a command of their own each. */
function withSeriesOptions(command: Command): Command {
  return command
    .option('--exchange <id>', 'only this venue, for example binance-futures')
    .option('--symbol <symbol>', 'only this instrument, for example BTC/USDT')
    .option('--tf <interval>', 'only candles of this width, for example 1h')
    .option('--json', 'print one JSON object');
}

function addLedgerCommands(program: Command, finish: Finish): void {
  const gaps = program
    .command('gaps')
    .description('candles that series should have and have not, and why');
  withSeriesOptions(gaps.command('list'))
    .description('print the gap ledger, newest first')
    .option('--cause <cause>', 'missing, venue_empty, repaired, unrepairable or synthetic')
    .option('--since <time>', 'only gaps that end after this day or ISO instant')
    .option('--limit <n>', 'rows, at most', '1000')
    .action(async (options: GapListFlags) =>
      finish((await import('./commands/gaps.ts')).list(options)),
    );
  withSeriesOptions(gaps.command('repair'))
    .description('look series through, ask the venues for what is missing, keep the ledger')
    .option('--from <time>', 'first open time, by default the first that was stored or asked for')
    .option('--to <time>', 'open times end before this, by default with what was asked for')
    .option('--dry-run', 'say what is missing and would be asked for; write nothing')
    .option('--again', 'ask once more for what was settled as empty or unrepairable')
    .action(async (options: GapRepairFlags) =>
      finish((await import('./commands/gaps.ts')).repair(options)),
    );
  gaps
    .command('fill')
    .description(
      'put made-up candles, flat and marked as synthetic, where the venue has none; only on request',
    )
    .requiredOption('--exchange <id>', 'venue, for example binance-futures')
    .requiredOption('--symbol <symbol>', 'instrument, for example BTC/USDT')
    .requiredOption('--tf <interval>', 'width of the candles, for example 1h')
    .requiredOption('--from <time>', 'gaps that begin here or later: a day or an ISO instant')
    .requiredOption('--to <time>', 'gaps that end here or earlier')
    .option('--json', 'print one JSON object')
    .action(async (options: GapFillFlags) =>
      finish((await import('./commands/gaps.ts')).fill(options)),
    );
  const quarantine = program
    .command('quarantine')
    .description('rows of venues that were refused, word for word, with the reason');
  const withRowOptions = (command: Command): Command =>
    withSeriesOptions(command)
      .option('--reason <reason>', 'only rows refused for this, for example ohlc_order')
      .option('--since <time>', 'only rows parked since this day or ISO instant')
      .option('--limit <n>', 'rows, at most', '1000');
  withRowOptions(quarantine.command('list'))
    .description('print what waits, newest first')
    .action(async (options: QuarantineFlags) =>
      finish((await import('./commands/quarantine.ts')).list(options)),
    );
  withRowOptions(quarantine.command('redrive'))
    .description('ask the venues for these candles again and judge them by the rules of today')
    .option('--dry-run', 'print which rows it would be, and ask nobody')
    .option('--accept', 'with --reason jump: store prices that jump')
    .action(async (options: RedriveFlags) =>
      finish((await import('./commands/quarantine.ts')).redrive(options)),
    );
}

/** A reader that has seen enough (`wick status | head -1`) is no failure. */
function ignoreGoneReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}

/** Resolves once the stream has taken all that was written, or its reader is gone. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

/** Runs this process's command line, and ends the process. */
export async function main(): Promise<never> {
  process.stdout.on('error', ignoreGoneReader);
  process.stderr.on('error', ignoreGoneReader);
  const code = await runWick(process.argv.slice(2));
  // What a pipe has not taken yet would be lost: 20 MB of a dead letter for example.
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(code);
}

if (import.meta.main) await main();
