/**
 * Waits for an incremental snapshot. In: the id of its signal, the notification topic. Out: resolves once
 * it is completed, with the rows that each table gave; an alarm of the connector about it is an error. What
 * counts is what it says of each table: a snapshot that lost rows is COMPLETED all the same.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { TOPIC_CDC_NOTIFICATIONS } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { checkNotification } from './notifications.ts';
import { readTopic, type TopicAccess } from './topic-reader.ts';

export interface SnapshotBounds {
  /** Longest time in which the connector tells nothing new, ms. */
  readonly quietMs: number;
  /** Between two readings of the topic, ms. */
  readonly pollMs: number;
}

/** A chunk is told within a second or two; the first one waits for the signal to travel. */
export const SNAPSHOT_BOUNDS: SnapshotBounds = { quietMs: 120_000, pollMs: 2_000 };

const NoteCheck = Compile(
  Type.Object({
    id: Type.String(),
    type: Type.String(),
    additional_data: Type.Optional(
      Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
    ),
  }),
);

interface Heard {
  readonly notes: number;
  readonly isDone: boolean;
  /** Rows by table. */
  readonly rows: ReadonlyMap<string, number>;
  readonly alarm: string | null;
}

/** @throws AppError WICK_CDC_SNAPSHOT_FAILED when rows are missing, or nothing is heard any more. */
export async function untilSnapshotEnds(
  access: TopicAccess,
  id: string,
  say: (line: string) => void,
  bounds: SnapshotBounds = SNAPSHOT_BOUNDS,
): Promise<ReadonlyMap<string, number>> {
  let last = 0;
  let heardAt = performance.now();
  for (;;) {
    const { notes, isDone, rows, alarm } = await listen(access, id);
    if (alarm !== null) throw failed(id, alarm);
    if (isDone) return rows;
    if (notes > last) {
      heardAt = performance.now();
      say(`the connector sends rows: ${notes} notifications so far`);
    }
    last = notes;
    if (performance.now() - heardAt > bounds.quietMs) {
      throw failed(id, `nothing was heard of it for ${bounds.quietMs / 1_000} s`);
    }
    await delay(bounds.pollMs);
  }
}

async function listen(access: TopicAccess, id: string): Promise<Heard> {
  const rows = new Map<string, number>();
  let notes = 0;
  let isDone = false;
  let alarm: string | null = null;
  await readTopic(access, TOPIC_CDC_NOTIFICATIONS, ({ value }) => {
    const note = noteOf(value);
    if (note?.id !== id) return;
    notes += 1;
    alarm ??= checkNotification(value)?.reason ?? null;
    const data = note.additional_data ?? {};
    const [table, count] = [data['scanned_collection'], data['total_rows_scanned']];
    if (note.type === 'TABLE_SCAN_COMPLETED' && table !== undefined) {
      rows.set(table, Number(count ?? 0));
    }
    if (note.type === 'COMPLETED') isDone = true;
  });
  return { notes, isDone, rows, alarm };
}

/** Null for what is no notification; another one's is not ours to judge. */
function noteOf(value: Buffer | null) {
  let json: unknown;
  try {
    json = JSON.parse(value?.toString('utf8') ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return NoteCheck.Check(json) ? json : null;
}

function failed(id: string, why: string): AppError {
  return new AppError(
    'WICK_CDC_SNAPSHOT_FAILED',
    `The snapshot "${id}" did not send all rows: ${why}; see the log of Kafka Connect, then run the command again`,
    { retryable: true },
  );
}
