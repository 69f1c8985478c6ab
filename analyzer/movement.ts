/**
 * Whether data moves. In: which partitions are assigned, how much of each waits in Kafka, signs of work. Out:
 * moving, stalled or stuck, with the reason. Idle is moving: only records that wait and are not taken count.
 * A consumer that hangs beats its heart all the same, so nothing inside of it would tell.
 */
import type { Clock, EpochMs } from '#core/time.ts';

export interface MovementBounds {
  /** Records wait so long without one being committed: not ready, ms. */
  readonly stalledMs: number;
  /** Then nothing but starting again helps, ms. */
  readonly stuckMs: number;
}

/** How far a partition is, as the broker tells. */
export interface Backlog {
  /** The next offset that the group takes; -1 where it has committed none. */
  readonly committed: bigint;
  /** Records behind it. */
  readonly waiting: bigint;
}

export interface Standstill {
  readonly state: 'stalled' | 'stuck';
  readonly reason: string;
}

interface Waiting {
  committed: bigint;
  since: EpochMs;
}

export class Movement {
  readonly #clock: Clock;
  readonly #bounds: MovementBounds;
  readonly #assigned = new Set<number>();
  readonly #waiting = new Map<number, Waiting>();
  /** Since when the broker does not tell; null while it does. */
  #silentSince: EpochMs | null = null;

  constructor(clock: Clock, bounds: MovementBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  /** The group gave this process these partitions; their time begins anew. */
  assign(partitions: readonly number[]): void {
    this.#assigned.clear();
    this.#waiting.clear();
    for (const partition of partitions) this.#assigned.add(partition);
  }

  /** A step of the partition goes on, though it is too long to have been committed. */
  touch(partition: number): void {
    const waiting = this.#waiting.get(partition);
    if (waiting !== undefined) waiting.since = this.#clock.now();
  }

  /** What the broker tells. */
  see(backlogs: ReadonlyMap<number, Backlog>): void {
    this.#silentSince = null;
    const now = this.#clock.now();
    for (const partition of this.#assigned) {
      const { committed, waiting } = backlogs.get(partition) ?? { committed: -1n, waiting: 0n };
      const before = this.#waiting.get(partition);
      if (waiting === 0n) this.#waiting.delete(partition);
      else if (before?.committed !== committed)
        this.#waiting.set(partition, { committed, since: now });
    }
  }

  /** The broker did not answer. */
  hearNothing(): void {
    this.#silentSince ??= this.#clock.now();
  }

  /** Null while data moves, or there is none to move. */
  standstill(): Standstill | null {
    const now = this.#clock.now();
    const { stalledMs } = this.#bounds;
    if (this.#silentSince !== null && now - this.#silentSince >= stalledMs) {
      return this.#standing(now - this.#silentSince, 'Kafka does not tell how far the topic is');
    }
    const still = [...this.#waiting].filter(([, { since }]) => now - since >= stalledMs);
    if (still.length === 0) return null;
    const longest = Math.max(...still.map(([, { since }]) => now - since));
    const partitions = still.map(([partition]) => partition).join(', ');
    return this.#standing(longest, `records wait in partitions ${partitions} and none is taken`);
  }

  /** @throws Error with the reason why it does not. */
  isMoving(): boolean {
    const standstill = this.standstill();
    if (standstill !== null) throw new Error(standstill.reason);
    return true;
  }

  #standing(ms: number, what: string): Standstill {
    const state = ms >= this.#bounds.stuckMs ? 'stuck' : 'stalled';
    return { state, reason: `${what}, for ${Math.round(ms / 1_000)} s` };
  }
}
