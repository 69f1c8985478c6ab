/**
 * Fields of a change message that this version does not know: a new column, a newer Debezium. In: a message
 * that was checked, so that its row is of a known table. Out: their names, for counting. They are no reason
 * to refuse a message, and no reason to be silent either.
 */
import type { CAPTURED_TABLES } from '#core/contracts/names.ts';
import { ROW_COLUMNS } from './envelope.ts';

type Table = (typeof CAPTURED_TABLES)[number];

/** What Debezium 3.7 puts beside the row. */
const ENVELOPE_FIELDS: ReadonlySet<string> = new Set([
  'before',
  'after',
  'source',
  'transaction',
  'op',
  'ts_ms',
  'ts_us',
  'ts_ns',
]);
const NONE: readonly string[] = [];

/** Names with where they stand, for example `after.mood`. */
export function unknownFields(
  table: Table,
  envelope: { readonly after: object | null },
): readonly string[] {
  let found: string[] | null = null;
  // No list of names is made for the many messages that have nothing new.
  for (const field in envelope) {
    if (!ENVELOPE_FIELDS.has(field)) (found ??= []).push(field);
  }
  const known = ROW_COLUMNS[table];
  let columns = 0;
  for (const _ in envelope.after) columns += 1;
  // The check found every column that we know.
  if (envelope.after !== null && columns > known.size) {
    const more = Object.keys(envelope.after).filter((column) => !known.has(column));
    (found ??= []).push(...more.map((column) => `after.${column}`));
  }
  return found ?? NONE;
}
