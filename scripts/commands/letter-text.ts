/** Dead letters as people and programs read them. In: entries and letters. Out: cells, text and objects. */
import type { Letter, LetterEntry } from '../../connectors/index.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import { amount, describeBytes, grouped } from './amounts.ts';

export interface ReasonCount {
  readonly code: string;
  readonly letters: number;
  readonly waiting: number;
}

/** The most frequent first. */
export function countByCode(entries: readonly LetterEntry[]): ReasonCount[] {
  return [...Map.groupBy(entries, ({ code }) => code)]
    .map(([code, some]) => ({
      code,
      letters: some.length,
      waiting: some.filter(({ status }) => status === 'waiting').length,
    }))
    .toSorted((a, b) => b.letters - a.letters || (a.code < b.code ? -1 : 1));
}

export function describeCount({ code, letters, waiting }: ReasonCount): readonly string[] {
  return [code, amount(letters, 'letter'), `${grouped(waiting)} waiting`];
}

export function describeEntry(entry: LetterEntry): readonly string[] {
  const { id, parkedAt, origin, status, isWhole, valueBytes, code, reason } = entry;
  return [
    id,
    formatInstant(parkedAt),
    isWhole ? status : `${status}, incomplete`,
    `${origin.topic}/${origin.partition}/${origin.offset}`,
    valueBytes === null ? 'no value' : describeBytes(valueBytes),
    `${code}: ${shown(reason)}`,
  ];
}

export function entryJson({ identity: _identity, origin, parkedAt, ...entry }: LetterEntry) {
  return {
    ...entry,
    parkedAt: formatInstant(parkedAt),
    origin: { ...origin, timestamp: timeText(origin.timestamp) },
  };
}

export function letterJson(letter: Letter, entry: LetterEntry) {
  const { key, value, headers } = letter.record;
  return {
    ...entryJson(entry),
    headers: headers.map(([name, bytes]) => ({ name, ...content(bytes) })),
    key: content(key),
    value: content(value),
  };
}

export function letterText(letter: Letter, entry: LetterEntry): string {
  const { key, value, headers } = letter.record;
  const { topic, partition, offset, timestamp } = entry.origin;
  const lines: (readonly [string, string | null])[] = [
    ['letter', `${entry.id}, parked at ${formatInstant(entry.parkedAt)} by ${entry.by}`],
    ['status', entry.markedAt === null ? entry.status : `${entry.status} at ${entry.markedAt}`],
    ['origin', `topic ${topic}, partition ${partition}, offset ${offset}`],
    ['produced', timeText(timestamp)],
    ['reason', `${entry.code}: ${shown(entry.reason)}`],
    ['ancestor', entry.ancestor === null ? null : `letter ${entry.ancestor}`],
    ['attempts', entry.attempts === 0 ? null : String(entry.attempts)],
    ...headers.map(([name, bytes]) => ['header', `${shown(name)}: ${textOf(bytes)}`] as const),
    ['key', textOf(key)],
    ['value', textOf(value)],
    ['stack', entry.stack],
  ];
  return lines
    .flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(9)} ${text}`]))
    .join('\n');
}

interface Content {
  /** Null where there are no bytes at all, not even none. */
  readonly bytes: number | null;
  readonly encoding: 'utf8' | 'base64' | null;
  readonly content: string | null;
}

/** Text where it is such to the byte, else base64: nothing is lost on the way to whoever reads it. */
export function content(bytes: Buffer | null): Content {
  if (bytes === null) return { bytes: null, encoding: null, content: null };
  const text = bytes.toString('utf8');
  return isText(text, bytes)
    ? { bytes: bytes.length, encoding: 'utf8', content: text }
    : { bytes: bytes.length, encoding: 'base64', content: bytes.toString('base64') };
}

function textOf(bytes: Buffer | null): string {
  const { encoding, content: text } = content(bytes);
  if (bytes === null || text === null) return 'none';
  return `(${describeBytes(bytes.length)}${encoding === 'base64' ? ', base64' : ''}) ${text}`;
}

/** Line ends and tabs apart, a terminal would act on control characters. */
const CONTROLS = /(?![\t\n\r])\p{Cc}/u;

function isText(text: string, bytes: Buffer): boolean {
  return !CONTROLS.test(text) && Buffer.from(text, 'utf8').equals(bytes);
}

/** Characters of a reason that people want to see in a line. */
const SHOWN_CHARACTERS_MAX = 300;

/** A reason in one line: it quotes what came from outside, of any size. */
export function shown(text: string): string {
  const line = text.slice(0, SHOWN_CHARACTERS_MAX).replaceAll(/\p{Cc}|\s/gu, ' ');
  return text.length > SHOWN_CHARACTERS_MAX ? `${line.toWellFormed()}…` : line;
}

function timeText(time: EpochMs | null): string | null {
  return time === null ? null : formatInstant(time);
}
