/**
 * The dead letter topic as a box of letters: which there are, what became of each, and what is in them.
 * In: the topic and its marks. Out: entries without the bytes; letters one by one with them. A record that
 * was parked twice, by a process that died between parking and committing, is one letter.
 */
import { TOPIC_DLQ } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { joinParts, readPart, type Letter, type LetterPart, type RawRecord } from './letter.ts';
import { readMarks, type Mark } from './letter-marks.ts';
import { readTopic, type TopicAccess } from './topic-reader.ts';

export interface LetterEntry extends Omit<Letter, 'record'> {
  /** `partition:offset` of the letter, of its first part where it has several. */
  readonly id: string;
  /** Of the record that it holds. */
  readonly identity: string;
  readonly parkedAt: EpochMs;
  readonly origin: Pick<RawRecord, 'topic' | 'partition' | 'offset' | 'timestamp'>;
  /** Null where the record has no key or no value. */
  readonly keyBytes: number | null;
  readonly valueBytes: number | null;
  readonly parts: number;
  /** False while parts of it are missing: a process died on the way, or retention took them. */
  readonly isWhole: boolean;
  readonly status: 'waiting' | Mark['state'];
  /** When it was marked, as ISO time; null while it waits. */
  readonly markedAt: string | null;
}

/** Which letters are meant; what is left out says nothing. */
export interface LetterFilter {
  readonly ids?: ReadonlySet<string>;
  /** A code, or a piece of the text in any case. */
  readonly reason?: string;
  /** When it was parked: from this time on, and before that. */
  readonly from?: EpochMs;
  readonly to?: EpochMs;
}

export interface LetterIndex {
  /** In the order in which they were parked. */
  readonly entries: readonly LetterEntry[];
  /** Messages of the topic that are no letters. */
  readonly foreign: number;
}

/** Entries in memory, 1 to 3 kB each. */
const ENTRIES_MAX = 100_000;

interface Seen {
  readonly entry: LetterEntry;
  readonly parts: Set<number>;
}

/** @throws AppError WICK_USAGE where more letters match than can be told at once. */
export async function indexLetters(
  access: TopicAccess,
  filter: LetterFilter = {},
): Promise<LetterIndex> {
  const marks = await readMarks(access);
  const seen = new Map<string, Seen>();
  let foreign = 0;
  await readTopic(access, TOPIC_DLQ, (message, partition) => {
    const part = readPart(message);
    if (part === null) {
      foreign += 1;
      return;
    }
    const known = seen.get(part.identity);
    if (known !== undefined) {
      known.parts.add(part.part);
      return;
    }
    const id = `${partition}:${message.offset}`;
    const entry = entryOf(part, { id, parkedAt: epochMs(Number(message.timestamp)) }, marks);
    if (matches(entry, filter)) seen.set(part.identity, { entry, parts: new Set([part.part]) });
    if (seen.size > ENTRIES_MAX) {
      throw new AppError(
        'WICK_USAGE',
        `More than ${ENTRIES_MAX} letters match; narrow it with --reason, --from and --to`,
      );
    }
  });
  const entries = [...seen.values()].map(({ entry, parts }) => ({
    ...entry,
    isWhole: parts.size === entry.parts,
  }));
  return { entries, foreign };
}

/**
 * Hands over the letters of these entries, each once it is whole, oldest first; the next one is read when
 * the last was taken.
 * @throws AppError WICK_DLQ_DAMAGED for one whose bytes are not those that were parked.
 */
export async function eachLetter(
  access: TopicAccess,
  entries: readonly LetterEntry[],
  onLetter: (letter: Letter, entry: LetterEntry) => Promise<void>,
): Promise<void> {
  const wanted = new Map(entries.map((entry) => [entry.identity, entry]));
  const open = new Map<string, Map<number, LetterPart>>();
  await readTopic(access, TOPIC_DLQ, async (message) => {
    const part = wanted.size === 0 ? null : readPart(message);
    const entry = part === null ? undefined : wanted.get(part.identity);
    if (part === null || entry === undefined) return;
    const parts = open.get(part.identity) ?? new Map<number, LetterPart>();
    parts.set(part.part, part);
    open.set(part.identity, parts);
    if (parts.size < part.parts) return;
    wanted.delete(part.identity);
    open.delete(part.identity);
    await onLetter(joinParts([...parts.values()].toSorted((a, b) => a.part - b.part)), entry);
  });
}

function entryOf(
  part: LetterPart,
  place: Pick<LetterEntry, 'id' | 'parkedAt'>,
  marks: ReadonlyMap<string, Mark>,
): LetterEntry {
  const { identity, letter, origin, parts, keyBytes, valueBytes } = part;
  const mark = marks.get(identity);
  return {
    ...letter,
    ...place,
    identity,
    origin,
    keyBytes,
    valueBytes,
    parts,
    isWhole: parts === 1,
    status: mark?.state ?? 'waiting',
    markedAt: mark?.at ?? null,
  };
}

function matches(entry: LetterEntry, { ids, reason, from, to }: LetterFilter): boolean {
  if (ids?.has(entry.id) === false) return false;
  if (from !== undefined && entry.parkedAt < from) return false;
  if (to !== undefined && entry.parkedAt >= to) return false;
  return (
    reason === undefined ||
    entry.code === reason ||
    entry.reason.toLowerCase().includes(reason.toLowerCase())
  );
}
