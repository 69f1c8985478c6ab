/**
 * What became of dead letters, in a compacted topic beside them: one mark a record, the last one counts. The
 * key is the place and time of the record that was parked, not that of its letter, so that a topic that is
 * made anew, or a record that was parked twice, inherits or loses nothing. Letters themselves stay as they are.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { TOPIC_DLQ_MARKS } from '#core/contracts/names.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import type { Producer } from '#platform/kafka.ts';
import { readTopic, type TopicAccess } from './topic-reader.ts';

const Saved = Type.Object(
  {
    state: Type.Union([Type.Literal('redriven'), Type.Literal('dropped')]),
    letter: Type.String(),
    at: Type.String(),
  },
  { additionalProperties: false },
);
const SavedCheck = Compile(Saved);

export type Mark = Static<typeof Saved>;

/** A mark to be made. */
export interface NewMark {
  /** Of the record that the letter holds. */
  readonly identity: string;
  readonly letter: string;
}

/** @returns marks by the identity of the record. */
export async function readMarks(access: TopicAccess): Promise<ReadonlyMap<string, Mark>> {
  const marks = new Map<string, Mark>();
  await readTopic(access, TOPIC_DLQ_MARKS, ({ key, value }) => {
    const mark = key === null || value === null ? null : parseMark(value.toString('utf8'));
    if (mark !== null) marks.set(String(key), mark);
  });
  return marks;
}

/** Null for what nobody of us wrote: it marks nothing. */
function parseMark(text: string): Mark | null {
  try {
    const json: unknown = JSON.parse(text);
    return SavedCheck.Check(json) ? json : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Resolves once all are stored. */
export async function writeMarks(
  producer: Pick<Producer, 'send'>,
  marks: readonly NewMark[],
  { state, at }: { readonly state: Mark['state']; readonly at: EpochMs },
): Promise<void> {
  for (let from = 0; from < marks.length; from += MARKS_AT_ONCE) {
    await producer.send({
      topic: TOPIC_DLQ_MARKS,
      acks: -1,
      messages: marks.slice(from, from + MARKS_AT_ONCE).map(({ identity, letter }) => {
        const mark: Mark = { state, letter, at: formatInstant(at) };
        return { key: identity, value: JSON.stringify(mark) };
      }),
    });
  }
}

/** Marks in one request. */
const MARKS_AT_ONCE = 1_000;
