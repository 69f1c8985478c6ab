/** `wick dlq list|show|redrive|drop`: records that could not be read, and what becomes of them. */
import { createInterface } from 'node:readline/promises';
import {
  eachLetter,
  indexLetters,
  LETTER_ID,
  redriveLetters,
  writeMarks,
  type LetterEntry,
  type LetterFilter,
} from '../../connectors/index.ts';
import type { CandleKey } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { systemClock } from '#platform/clock.ts';
import { withLetterAccess, type LetterAccess } from '../pipeline/letter-access.ts';
import { createJudge, type Verdict } from '../pipeline/letter-verdict.ts';
import { resendCandles } from '../pipeline/resend-candles.ts';
import { amount } from './amounts.ts';
import { alignColumns } from './columns.ts';
import { commandConfig } from './command-config.ts';
import type { JsonFlag } from './flags.ts';
import {
  countByCode,
  describeCount,
  describeEntry,
  entryJson,
  letterJson,
  letterText,
  shown,
} from './letter-text.ts';
import { cutNote, parseCountFlag, parseTimeFlag } from './series-flags.ts';

export interface LetterFlags extends JsonFlag {
  readonly reason?: string;
  readonly from?: string;
  readonly to?: string;
}

export interface LetterListFlags extends LetterFlags {
  readonly limit: string;
}

export interface LetterRedriveFlags extends LetterFlags {
  readonly dryRun?: boolean;
  readonly again?: boolean;
}

export interface LetterDropFlags extends LetterFlags {
  readonly yes?: boolean;
}

const LIMIT_MAX = 100_000;

export async function list(options: LetterListFlags): Promise<void> {
  const filter = filterOf(options, []);
  const limit = parseCountFlag('limit', options.limit, LIMIT_MAX);
  const config = commandConfig();
  const { entries, foreign } = await withLetterAccess(config, ({ topics }) =>
    indexLetters(topics, filter),
  );
  const newest = entries.toReversed().slice(0, limit);
  const reasons = countByCode(entries);
  if (options.json === true) {
    const letters = newest.map(entryJson);
    print({ letters, count: entries.length, reasons, foreign, limit });
    return;
  }
  process.stdout.write(alignColumns(newest.map(describeEntry)));
  if (entries.length === 0) process.stderr.write('no dead letters\n');
  else process.stdout.write(`\n${alignColumns(reasons.map(describeCount))}`);
  if (foreign > 0)
    process.stderr.write(`${amount(foreign, 'message')} in the topic are no letters\n`);
  if (entries.length > limit) process.stderr.write(cutNote(limit));
}

/** Exit 1 where parts of the letter are missing. */
export async function show(id: string, options: JsonFlag): Promise<number> {
  const filter = filterOf({}, [id]);
  return withLetterAccess(commandConfig(), async ({ topics }) => {
    const [entry] = await chosen(topics, filter);
    if (entry === undefined) throw new Error('an id that is there has its entry');
    if (!entry.isWhole) {
      print(options.json === true ? entryJson(entry) : describeEntry(entry).join('  '));
      process.stderr.write('parts of it are missing in the topic; the rest is of no use alone\n');
      return 1;
    }
    await eachLetter(topics, [entry], async (letter) => {
      await Promise.resolve();
      print(options.json === true ? letterJson(letter, entry) : letterText(letter, entry));
    });
    return 0;
  });
}

type Outcome = 'sent' | 'resent' | 'left';
interface Fate {
  readonly entry: LetterEntry;
  readonly outcome: Outcome;
  readonly note: string;
}

/** Exit 1 where one of them could not go. */
export async function redrive(
  ids: readonly string[],
  options: LetterRedriveFlags,
): Promise<number> {
  const filter = filterOf(options, ids);
  const isAgain = options.again === true;
  const isDry = options.dryRun === true;
  return withLetterAccess(commandConfig(), async (access) => {
    const all = await chosen(access.topics, filter);
    const entries = all.filter(({ status }) => isAgain || status === 'waiting');
    const fates = await redriveAll(access, entries, isDry);
    const passed = all.length - entries.length;
    if (options.json === true) {
      const letters = fates.map(({ entry, ...fate }) => ({ ...fate, ...entryJson(entry) }));
      print({ dryRun: isDry, letters, passed });
    } else {
      process.stdout.write(
        alignColumns(fates.map(({ entry, outcome, note }) => [entry.id, outcome, note])),
      );
    }
    tellRedrive(fates, { isDry, passed });
    return fates.some(({ outcome }) => outcome === 'left') ? 1 : 0;
  });
}

async function redriveAll(
  { topics, producer, pool, clickhouse }: LetterAccess,
  entries: readonly LetterEntry[],
  isDry: boolean,
): Promise<Fate[]> {
  const judge = createJudge(clickhouse);
  const overtaken: { readonly entry: LetterEntry; readonly key: CandleKey }[] = [];
  const fates: Fate[] = [];
  for (const entry of entries) {
    if (!entry.isWhole) fates.push({ entry, outcome: 'left', note: 'parts of it are missing' });
  }
  await redriveLetters(
    entries.filter(({ isWhole }) => isWhole),
    {
      access: topics,
      producer,
      clock: systemClock,
      isToGo: async (letter, entry) => {
        const verdict = await judge(letter);
        const fate = fateOf(verdict);
        fates.push({ entry, ...fate });
        if (fate.outcome === 'resent' && verdict.kind === 'overtaken') {
          const { series, openTime } = verdict.change;
          overtaken.push({ entry, key: { ...series, openTime } });
        }
        return fate.outcome === 'sent' && !isDry;
      },
    },
  );
  if (overtaken.length > 0 && !isDry) {
    await resendCandles(
      pool,
      overtaken.map(({ key }) => key),
    );
    const marks = overtaken.map(({ entry: { identity, id } }) => ({ identity, letter: id }));
    await writeMarks(producer, marks, { state: 'redriven', at: systemClock.now() });
  }
  return fates;
}

function fateOf(verdict: Verdict): Pick<Fate, 'outcome' | 'note'> {
  switch (verdict.kind) {
    case 'good':
      return { outcome: 'sent', note: 'can be read now' };
    case 'bad':
      return { outcome: 'sent', note: `will be parked again: ${shown(verdict.reason)}` };
    case 'overtaken':
      return verdict.change.values === null
        ? { outcome: 'left', note: 'a delete that its series has passed; compare the stores' }
        : {
            outcome: 'resent',
            note: 'its series went on; Postgres sends its row of today instead',
          };
  }
}

function tellRedrive(
  fates: readonly Fate[],
  { isDry, passed }: { readonly isDry: boolean; readonly passed: number },
): void {
  const count = (outcome: Outcome): number =>
    fates.filter((fate) => fate.outcome === outcome).length;
  const will = isDry ? 'would be ' : '';
  process.stderr.write(
    `${amount(count('sent'), 'letter')} ${will}sent, ${count('resent')} ${will}sent again by Postgres, ` +
      `${count('left')} left; ${passed} redriven or dropped before\n`,
  );
}

export async function drop(ids: readonly string[], options: LetterDropFlags): Promise<void> {
  const filter = filterOf(options, ids);
  await withLetterAccess(commandConfig(), async ({ topics, producer }) => {
    const entries = (await chosen(topics, filter)).filter(({ status }) => status === 'waiting');
    const isSure = entries.length === 0 || options.yes === true || (await confirmed(entries));
    const dropped = isSure ? entries : [];
    const marks = dropped.map(({ identity, id }) => ({ identity, letter: id }));
    await writeMarks(producer, marks, { state: 'dropped', at: systemClock.now() });
    if (options.json === true) print({ letters: dropped.map(entryJson) });
    else process.stdout.write(`${amount(dropped.length, 'letter')} marked as dropped\n`);
  });
}

/** @throws AppError WICK_USAGE for an id that is no letter's. */
async function chosen(
  topics: LetterAccess['topics'],
  filter: LetterFilter,
): Promise<readonly LetterEntry[]> {
  const { entries } = await indexLetters(topics, filter);
  const found = new Set(entries.map(({ id }) => id));
  const missing = [...(filter.ids ?? [])].filter((id) => !found.has(id));
  if (missing.length === 0) return entries;
  throw new AppError(
    'WICK_USAGE',
    `There is no letter "${missing.join('", "')}"; "wick dlq list" prints those there are`,
  );
}

/** @throws AppError WICK_USAGE for what cannot be an id or a time. */
function filterOf({ reason, from, to }: LetterFlags, ids: readonly string[]): LetterFilter {
  const wrong = ids.find((id) => !LETTER_ID.test(id));
  if (wrong !== undefined) {
    throw new AppError(
      'WICK_USAGE',
      `"${wrong}" is no letter; give one as "wick dlq list" prints it: 0:17`,
    );
  }
  return {
    ...(ids.length === 0 ? {} : { ids: new Set(ids) }),
    ...(reason === undefined ? {} : { reason }),
    ...timesOf('from', from),
    ...timesOf('to', to),
  };
}

function timesOf(name: 'from' | 'to', text: string | undefined): LetterFilter {
  const time = parseTimeFlag(name, text);
  return time === null ? {} : { [name]: time };
}

async function confirmed(entries: readonly LetterEntry[]): Promise<boolean> {
  const what = `${amount(entries.length, 'letter')} that nobody redrove`;
  if (!process.stdin.isTTY) {
    throw new AppError('WICK_USAGE', `This marks ${what} as dropped; say so with --yes`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test(await terminal.question(`Mark ${what} as dropped? [y/N] `));
  } finally {
    terminal.close();
  }
}

function print(result: object | string): void {
  process.stdout.write(typeof result === 'string' ? `${result}\n` : `${JSON.stringify(result)}\n`);
}
