/**
 * Findings become alarms when they last. In: what each look found, and the time. Out: what began and what
 * ended since; the alarms that stand. Pure, but for what it remembers.
 */
import type { EpochMs } from '#core/time.ts';
import type { AlarmKind, Finding } from './judge.ts';

export interface Alarm extends Pick<Finding, 'kind' | 'what' | 'advice'> {
  /** When it was first found. */
  readonly since: EpochMs;
}

export interface AlarmNews {
  /** Those that stand for the first time, or are told again since they have stood for so long. */
  readonly told: readonly Alarm[];
  readonly ended: readonly AlarmKind[];
}

/** An alarm that stands is told again so often, ms. */
const REMIND_MS = 600_000;

interface Standing {
  readonly since: EpochMs;
  /** Null until its grace is over. */
  toldAt: EpochMs | null;
  alarm: Alarm;
}

export class Alarms {
  readonly #found = new Map<AlarmKind, Standing>();

  /** @param now must not go back. */
  update(findings: readonly Finding[], now: EpochMs): AlarmNews {
    const told: Alarm[] = [];
    for (const { kind, what, advice, graceMs } of findings) {
      const since = this.#found.get(kind)?.since ?? now;
      const alarm = { kind, what, advice, since };
      const standing = this.#found.get(kind) ?? { since, toldAt: null, alarm };
      standing.alarm = alarm;
      this.#found.set(kind, standing);
      const isDue =
        standing.toldAt === null ? now - since >= graceMs : now - standing.toldAt >= REMIND_MS;
      if (!isDue) continue;
      standing.toldAt = now;
      told.push(alarm);
    }
    const present = new Set(findings.map(({ kind }) => kind));
    const ended: AlarmKind[] = [];
    for (const [kind, { toldAt }] of this.#found) {
      if (present.has(kind)) continue;
      this.#found.delete(kind);
      if (toldAt !== null) ended.push(kind);
    }
    return { told, ended };
  }

  /** Those that stand now. */
  standing(): readonly Alarm[] {
    return [...this.#found.values()].flatMap(({ toldAt, alarm }) =>
      toldAt === null ? [] : [alarm],
    );
  }
}
