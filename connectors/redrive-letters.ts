/**
 * Letters on their way back: each record is produced to the topic and partition that it came from, to the
 * byte, and marked once it is stored there. In: entries of the box. Out: which went. A process that dies
 * between the two sends a record again the next time; who reads it knows redeliveries.
 */
import type { Clock } from '#core/time.ts';
import type { Producer } from '#platform/kafka.ts';
import { eachLetter, type LetterEntry } from './letter-box.ts';
import { writeMarks } from './letter-marks.ts';
import { messageBytes, redrivenMessage, type Letter, type LetterMessage } from './letter.ts';
import type { TopicAccess } from './topic-reader.ts';

export interface RedriveOptions {
  readonly access: TopicAccess;
  readonly producer: Pick<Producer, 'send'>;
  readonly clock: Clock;
  /** Whether this one is to go; the rest is left as it is. */
  readonly isToGo: (letter: Letter, entry: LetterEntry) => Promise<boolean>;
}

/** What goes out and is marked together: one request a partition, then one for the marks. */
const TOGETHER_MAX = 500;
const TOGETHER_BYTES_MAX = 1_000_000;

interface Leaving {
  readonly entry: LetterEntry;
  readonly message: LetterMessage;
}

/** Oldest first, which keeps the order within a partition. @returns those that went. */
export async function redriveLetters(
  entries: readonly LetterEntry[],
  { access, producer, clock, isToGo }: RedriveOptions,
): Promise<readonly LetterEntry[]> {
  const gone: LetterEntry[] = [];
  let leaving: Leaving[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    if (leaving.length === 0) return;
    for (const [topic, messages] of Map.groupBy(leaving, ({ entry }) => entry.origin.topic)) {
      await producer.send({
        topic,
        acks: -1,
        messages: messages.map(({ entry, message }) => ({
          ...message,
          partition: entry.origin.partition,
        })),
      });
    }
    const marks = leaving.map(({ entry: { identity, id } }) => ({ identity, letter: id }));
    await writeMarks(producer, marks, { state: 'redriven', at: clock.now() });
    gone.push(...leaving.map(({ entry }) => entry));
    leaving = [];
    bytes = 0;
  };
  await eachLetter(access, entries, async (letter, entry) => {
    if (!(await isToGo(letter, entry))) return;
    const message = redrivenMessage(letter, entry.id);
    const size = messageBytes(message);
    if (bytes + size > TOGETHER_BYTES_MAX || leaving.length >= TOGETHER_MAX) await send();
    leaving.push({ entry, message });
    bytes += size;
  });
  await send();
  return gone;
}
