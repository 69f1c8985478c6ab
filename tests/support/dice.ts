/** Seeded chance for synthetic data: the same seed rolls the same numbers (mulberry32). */

export interface Dice {
  /** A whole number in [0, below). */
  roll(below: number): number;
}

export function createDice(seed: number): Dice {
  let state = seed;
  return {
    roll: (below) => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
    },
  };
}

/** One of them. @throws RangeError for an empty list. */
export function pick<T>(dice: Dice, list: readonly [T, ...T[]] | readonly T[]): T {
  const found = list[dice.roll(list.length)];
  if (found === undefined) throw new RangeError('there is nothing to pick from');
  return found;
}
