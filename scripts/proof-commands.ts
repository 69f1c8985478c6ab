/** The commands about proof and about what could not be read, as `wick.ts` offers them. Loaded lazily. */
import type { Command } from 'commander';
import type { LetterDropFlags, LetterListFlags, LetterRedriveFlags } from './commands/dlq.ts';
import type { JsonFlag } from './commands/flags.ts';
import type { LineageFlags } from './commands/lineage.ts';
import type { ReconcileFlags } from './commands/reconcile.ts';
import type { ReplayFlags } from './commands/replay.ts';
export type Finish = (work: Promise<number | void>) => Promise<void>;

export function addLetterCommands(program: Command, finish: Finish): void {
  const dlq = program
    .command('dlq')
    .description('dead letters: records of the candle topic that could not be read, kept whole');
  const withChoice = (command: Command): Command =>
    command
      .option('--reason <reason>', 'only letters of this code, or with this in their reason')
      .option('--from <time>', 'only letters parked since this day or ISO instant')
      .option('--to <time>', 'only letters parked before this')
      .option('--json', 'print one JSON object');
  withChoice(dlq.command('list'))
    .description('print letters, newest first, and how many there are by reason')
    .option('--limit <n>', 'letters, at most', '100')
    .action(async (options: LetterListFlags) =>
      finish((await import('./commands/dlq.ts')).list(options)),
    );
  dlq
    .command('show')
    .description('print a letter whole: origin, reason, stack, headers, key and value')
    .argument('<id>', 'as "wick dlq list" prints it, for example 0:17')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: JsonFlag) =>
      finish((await import('./commands/dlq.ts')).show(id, options)),
    );
  withChoice(dlq.command('redrive'))
    .description(
      'send records once more to where they came from, each once; a candle whose series went on ' +
        'is sent by Postgres instead. Exit 1 if one of them was left',
    )
    .argument('[ids...]', 'which; all that wait where neither ids nor options say')
    .option('--dry-run', 'say what would become of each, and send nothing')
    .option('--again', 'also those that were redriven or dropped before')
    .action(async (ids: string[], options: LetterRedriveFlags) =>
      finish((await import('./commands/dlq.ts')).redrive(ids, options)),
    );
  withChoice(dlq.command('drop'))
    .description(
      'mark letters that wait as dropped; their bytes stay as long as the topic keeps them',
    )
    .argument('[ids...]', 'which; all that wait where neither ids nor options say')
    .option('--yes', 'do not ask first')
    .action(async (ids: string[], options: LetterDropFlags) =>
      finish((await import('./commands/dlq.ts')).drop(ids, options)),
    );
}

export function addProofCommands(program: Command, finish: Finish): void {
  program
    .command('reconcile')
    .description(
      'prove that ClickHouse holds what Postgres held at one moment, while both are at work: exit 0 ' +
        'only if every candle is equal in every column and has its features and signal',
    )
    .option('--series <keys>', 'comma-separated, as exchange|market_type|symbol|interval; all')
    .option('--from <time>', 'first open time: a day or an ISO instant')
    .option('--to <time>', 'open times end before this')
    .option('--limit <n>', 'candles that are told one by one, at most', '20')
    .option('--repair', 'heal what differs, by way of Postgres and Kafka, and prove it again')
    .option('--json', 'print one JSON object')
    .action(async (options: ReconcileFlags) =>
      finish((await import('./commands/reconcile.ts')).reconcile(options)),
    );
  program
    .command('replay')
    .description(
      'compute features and signals again from the candles of Postgres, each series from its anchor on, ' +
        'and compare their 64 bits with what ClickHouse shows: exit 0 only if all are equal',
    )
    .option('--series <keys>', 'comma-separated, as exchange|market_type|symbol|interval; all')
    .option('--from <time>', 'first open time that is compared: a day or an ISO instant')
    .option('--to <time>', 'open times end before this')
    .option('--at-lsn <lsn>', 'what was known at this place of the WAL, from the ledger')
    .option('--limit <n>', 'rows that are told one by one, at most', '20')
    .option('--apply', 'write the rows that differ, are missing or should not be, and replay again')
    .option('--json', 'print one JSON object')
    .action(async (options: ReplayFlags) =>
      finish((await import('./commands/replay.ts')).replayCommand(options)),
    );
  program
    .command('lineage')
    .description(
      'where a signal came from: its features, all changes of its candle, the record of Kafka, the place ' +
        'in the WAL, the run, and the raw answer, hashed again; a link that is gone says why',
    )
    .argument('<signal>', 'its id (64 hex digits), or exchange|market_type|symbol|interval@time')
    .option('--verify', 'read the record of Kafka again, and hold the ledger against it')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: LineageFlags) =>
      finish((await import('./commands/lineage.ts')).lineage(id, options)),
    );
}
