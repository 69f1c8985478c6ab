/**
 * A dead letter: one record that could not be applied, whole, with why and where it was. In: the record.
 * Out: the messages that hold it in the dead letter topic, and back. A record that fits one message lies
 * there as it was, key, value and headers, with our headers beside its own. A larger one is packed and cut
 * into parts, so that any broker takes it. Joined, the bytes are those that came, or it is said that they
 * are not.
 */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { AppError } from '#core/errors.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import {
  headerBytes,
  listHeaders,
  messageHeaders,
  type MessageHeaders,
  type RawHeader,
} from './message-headers.ts';

/** A record of any topic, to the byte. */
export interface RawRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** When it was produced, by the clock of its producer. */
  readonly timestamp: EpochMs | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RawHeader[];
}

export interface Letter {
  readonly record: RawRecord;
  /** A word for what is wrong. */
  readonly code: string;
  /** What is wrong, with the value. */
  readonly reason: string;
  readonly stack: string | null;
  /** Who parked it, with its version. */
  readonly by: string;
  /** The letter that the record was redriven from. */
  readonly ancestor: string | null;
  /** How often the record was redriven before. */
  readonly attempts: number;
}

/** A message of the dead letter topic. */
export interface LetterMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string | Buffer | Buffer[]>>;
}

/** Bytes of key, value and headers in one message: with ours below the 1 MiB that brokers take by default. */
export const PART_BYTES_MAX = 900_000;
/** Characters of a reason and of a stack that are kept: both may quote a value of any size. */
export const REASON_CHARACTERS_MAX = 1_000;
export const STACK_CHARACTERS_MAX = 4_000;
/** Names that begin so are ours. */
const OURS = 'wick.';
/** On a record that was redriven: the letter it comes from, and how often. */
const LETTER_HEADER = 'wick.letter';
const ATTEMPTS_HEADER = 'wick.attempts';
/** Partition and offset of a letter. */
export const LETTER_ID = /^\d{1,9}:\d{1,19}$/;

const Count = Type.String({ pattern: '^\\d{1,15}$' });
const Head = Compile(
  Type.Object({
    'wick.code': Type.String(),
    'wick.reason': Type.String(),
    'wick.stack': Type.Optional(Type.String()),
    'wick.topic': Type.String({ minLength: 1 }),
    'wick.partition': Count,
    'wick.offset': Type.String({ pattern: '^\\d{1,20}$' }),
    'wick.timestamp': Type.Optional(Count),
    'wick.by': Type.String(),
    'wick.letter': Type.Optional(Type.String()),
    'wick.attempts': Type.Optional(Count),
    'wick.part': Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,5}/[1-9]\\d{0,5}$' })),
    'wick.packed': Type.Optional(Type.String()),
    'wick.sha256': Type.Optional(Type.String()),
  }),
);
const Size = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);
const Packed = Compile(
  Type.Object(
    { headers: Type.Integer({ minimum: 0 }), key: Size, value: Size },
    { additionalProperties: false },
  ),
);
const PackedHeaders = Compile(
  Type.Array(Type.Tuple([Type.String(), Type.Union([Type.String(), Type.Null()])])),
);

/** One message of a letter; most letters have one. */
export interface LetterPart {
  /** Of the record: the same in all parts and in all copies of a letter. */
  readonly identity: string;
  readonly letter: Omit<Letter, 'record'>;
  readonly origin: Pick<RawRecord, 'topic' | 'partition' | 'offset' | 'timestamp'>;
  /** From 1. */
  readonly part: number;
  readonly parts: number;
  /** Bytes of the record's own; null where it has none. */
  readonly keyBytes: number | null;
  readonly valueBytes: number | null;
  /** What the message carries. */
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RawHeader[];
  readonly packed: { readonly sizes: PackedSizes; readonly sha256: string } | null;
}
interface PackedSizes {
  readonly headers: number;
  readonly key: number | null;
  readonly value: number | null;
}

/** The letter of a record as a consumer got it; what it says of earlier letters is taken over. */
export function letterOf(
  message: {
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly offset: string;
    readonly timestamp: string;
    readonly headers?: MessageHeaders | undefined;
  },
  place: { readonly topic: string; readonly partition: number },
  why: Pick<Letter, 'code' | 'reason' | 'stack' | 'by'>,
): Letter {
  const { key, value, offset } = message;
  const all = listHeaders(message.headers);
  const headers = all.filter(([name]) => !name.startsWith(OURS));
  const said = (name: string): string | null => textOf(all.find(([known]) => known === name)?.[1]);
  const ancestor = said(LETTER_HEADER);
  const attempts = said(ATTEMPTS_HEADER) ?? '0';
  return {
    ...why,
    record: { ...place, offset, timestamp: timeOf(message.timestamp), key, value, headers },
    ancestor: ancestor !== null && LETTER_ID.test(ancestor) ? ancestor : null,
    attempts: /^\d{1,9}$/.test(attempts) ? Number(attempts) : 0,
  };
}

/** The messages that hold a letter, in order; of each other they need nothing. */
export function encodeLetter(letter: Letter): LetterMessage[] {
  const { record } = letter;
  const head = headOf(letter);
  const { key, value, headers } = record;
  const plain = { key, value, headers: messageHeaders(headers) };
  const isPlain = headers.every(([, text]) => text !== null);
  if (isPlain && messageBytes(plain) <= PART_BYTES_MAX) {
    return [{ key, value, headers: { ...plain.headers, ...head } }];
  }
  const said = Buffer.from(
    JSON.stringify(headers.map(([name, bytes]) => [name, bytes?.toString('base64') ?? null])),
  );
  const body = Buffer.concat([said, key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)]);
  const sizes: PackedSizes = {
    headers: said.length,
    key: key?.length ?? null,
    value: value?.length ?? null,
  };
  const packed = { 'wick.packed': JSON.stringify(sizes), 'wick.sha256': sha256(body) };
  const parts = Math.ceil(body.length / PART_BYTES_MAX);
  return Array.from({ length: parts }, (_, at) => ({
    key: null,
    value: body.subarray(at * PART_BYTES_MAX, (at + 1) * PART_BYTES_MAX),
    headers: { ...head, ...packed, 'wick.part': `${at + 1}/${parts}` },
  }));
}

/** Null for a message of the topic that no Wickstream wrote. */
export function readPart(message: {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: MessageHeaders | undefined;
}): LetterPart | null {
  const all = listHeaders(message.headers);
  const head: unknown = Object.fromEntries(
    all.flatMap(([name, bytes]) => (name.startsWith(OURS) ? [[name, textOf(bytes)]] : [])),
  );
  if (!Head.Check(head)) return null;
  const packed = packedOf(head['wick.packed'], head['wick.sha256']);
  const [part = 1, parts = 1] = (head['wick.part'] ?? '1/1').split('/').map(Number);
  const { key, value } = message;
  const origin = {
    topic: head['wick.topic'],
    partition: Number(head['wick.partition']),
    offset: head['wick.offset'],
    timestamp: timeOf(head['wick.timestamp']),
  };
  return {
    identity: `${origin.topic}/${origin.partition}/${origin.offset}@${origin.timestamp ?? ''}`,
    letter: {
      code: head['wick.code'],
      reason: head['wick.reason'],
      stack: head['wick.stack'] ?? null,
      by: head['wick.by'],
      ancestor: head['wick.letter'] ?? null,
      attempts: Number(head['wick.attempts'] ?? '0'),
    },
    origin,
    part,
    parts,
    keyBytes: packed === null ? (key?.length ?? null) : packed.sizes.key,
    valueBytes: packed === null ? (value?.length ?? null) : packed.sizes.value,
    key,
    value,
    headers: all.filter(([name]) => !name.startsWith(OURS)),
    packed,
  };
}

/**
 * The letter that parts make, in order and all of them.
 * @throws AppError WICK_DLQ_DAMAGED when their bytes are not those that were parked.
 */
export function joinParts(parts: readonly LetterPart[]): Letter {
  const [first] = parts;
  if (first === undefined) throw new Error('a letter has one part at least');
  const { letter, origin, packed, key, value, headers } = first;
  if (packed === null) return { ...letter, record: { ...origin, key, value, headers } };
  const body = Buffer.concat(parts.map((part) => part.value ?? Buffer.alloc(0)));
  const { sizes } = packed;
  const keyAt = sizes.headers;
  const valueAt = keyAt + (sizes.key ?? 0);
  const end = valueAt + (sizes.value ?? 0);
  if (sha256(body) !== packed.sha256 || body.length !== end) {
    throw damaged(first, `its ${body.length} bytes are not those that were parked`);
  }
  return {
    ...letter,
    record: {
      ...origin,
      key: sizes.key === null ? null : body.subarray(keyAt, valueAt),
      value: sizes.value === null ? null : body.subarray(valueAt, end),
      headers: unpackHeaders(first, body.subarray(0, keyAt)),
    },
  };
}

/**
 * The record of a letter as it is to be produced once more. Its headers gain two of ours, so that it is
 * known again should it be parked again. A header without a value becomes an empty one: kafkajs cannot
 * send the former.
 */
export function redrivenMessage(letter: Letter, id: string): LetterMessage {
  const { key, value, headers } = letter.record;
  const attempts = String(letter.attempts + 1);
  return {
    key,
    value,
    headers: { ...messageHeaders(headers), [LETTER_HEADER]: id, [ATTEMPTS_HEADER]: attempts },
  };
}

/** Bytes that a message takes, headers too. */
export function messageBytes({ key, value, headers }: LetterMessage): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + headerBytes(headers);
}

function headOf({ record, ...letter }: Letter): Record<string, string> {
  return {
    'wick.code': letter.code,
    'wick.reason': cut(letter.reason, REASON_CHARACTERS_MAX),
    ...(letter.stack === null ? {} : { 'wick.stack': cut(letter.stack, STACK_CHARACTERS_MAX) }),
    'wick.topic': record.topic,
    'wick.partition': String(record.partition),
    'wick.offset': record.offset,
    ...(record.timestamp === null ? {} : { 'wick.timestamp': String(record.timestamp) }),
    'wick.by': letter.by,
    ...(letter.ancestor === null ? {} : { [LETTER_HEADER]: letter.ancestor }),
    ...(letter.attempts === 0 ? {} : { [ATTEMPTS_HEADER]: String(letter.attempts) }),
  };
}

function cut(text: string, characters: number): string {
  // In the middle of a pair it would be no text any more.
  return text.length <= characters ? text : `${text.slice(0, characters).toWellFormed()}…`;
}

function unpackHeaders(part: LetterPart, bytes: Buffer): RawHeader[] {
  const json: unknown = JSON.parse(bytes.toString('utf8'));
  if (!PackedHeaders.Check(json)) throw damaged(part, 'its headers cannot be read');
  return json.map(([name, text]) => [name, text === null ? null : Buffer.from(text, 'base64')]);
}

function packedOf(text: string | undefined, sha: string | undefined): LetterPart['packed'] {
  if (text === undefined || sha === undefined) return null;
  const json: unknown = JSON.parse(text);
  return Packed.Check(json) ? { sizes: json, sha256: sha } : null;
}

function damaged({ identity }: LetterPart, what: string): AppError {
  return new AppError(
    'WICK_DLQ_DAMAGED',
    `The letter of the record "${identity}": ${what}; read that record from its own topic, if it still has it`,
  );
}

function textOf(bytes: Buffer | null | undefined): string | null {
  return bytes?.toString('utf8') ?? null;
}

/** Null where the producer told none, or nonsense. */
function timeOf(text: string | undefined): EpochMs | null {
  const value = Number(text ?? '-1');
  return isEpochMs(value) ? value : null;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
