/** What the checker says: an invariant that does not hold, and the rows that show it. */

/** I1 to I10 of docs/faults.md. */
export const INVARIANTS = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I9', 'I10'] as const;
export type Invariant = (typeof INVARIANTS)[number];

export interface Violation {
  readonly invariant: Invariant;
  readonly text: string;
}

const SHOWN_MAX = 3;

/** One violation for a list of rows that are wrong in the same way; none for an empty list. */
export function violationOf(
  invariant: Invariant,
  what: string,
  rows: readonly string[],
): Violation[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, SHOWN_MAX).join(' · ');
  return [{ invariant, text: `${rows.length} ${what}: ${shown}` }];
}
