/**
 * Watches change capture. In: looks at Postgres and Kafka Connect, one after the other. Out: alarms in the
 * log and as metrics, failed tasks restarted, the server that is captured remembered. What goes wrong is
 * told within 60 s. It changes nothing in Postgres and never makes a slot: that is an operator's decision.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import { Alarms, type Alarm } from './alarms.ts';
import { isBeyondRestart, judge, losesChanges, type Finding } from './judge.ts';
import type { KnownSource, KnownSources } from './known-sources.ts';
import type { Look } from './look.ts';
import type { WatchMetrics } from './metrics.ts';
import { Restarts } from './restarts.ts';

export interface WatchdogOptions {
  /** Never rejects: a store that is silent is part of what is seen. */
  readonly look: () => Promise<Look>;
  /** Restarts what has failed of the connector. */
  readonly restart: () => Promise<void>;
  readonly known: KnownSources;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: WatchMetrics;
}

/** Between two looks, ms: shorter than Debezium takes to start, which hides that a slot was moved on. */
const LOOK_EVERY_MS = 2_000;
/** How far the WAL has come is written down so often, ms. */
const KEEP_EVERY_MS = 60_000;

export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #alarms = new Alarms();
  readonly #restarts = new Restarts();
  #known: KnownSource | null = null;
  #isRead = false;
  /** The slot was read by somebody at the last look. */
  #wasActive = false;
  #keptAt = 0;
  #lookedAt: number | null = null;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** Looks until it is told to end. Rejects only for a bug. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      // Its end is no failure.
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** When it last looked, epoch ms; null before the first time. */
  get lookedAt(): number | null {
    return this.#lookedAt;
  }

  /** One look, and what follows from it. @returns the alarms that stand. */
  async look(): Promise<readonly Alarm[]> {
    const { clock, metrics, logger } = this.#options;
    const look = await this.#options.look();
    const findings = this.#withoutLag(look, await this.#judge(look));
    const now = clock.now();
    const failed = findings.find(({ kind }) => kind === 'connector_failed');
    await this.#maybeRestart(failed, findings);
    if (failed === undefined && this.#restarts.flaps > 0) findings.push(this.#flapping());
    const { told, ended } = this.#alarms.update(findings, now);
    for (const { kind, what, advice, since } of told) {
      logger.error({ alarm: kind, since, advice }, what);
    }
    if (told.some(losesChanges)) await this.#noteLoss(now);
    for (const kind of ended) logger.info({ alarm: kind }, 'the alarm is over');
    metrics.show(look, this.#alarms.standing());
    this.#lookedAt = now;
    return this.#alarms.standing();
  }

  /**
   * While a slot is read nobody else can move it; and Debezium confirms what Kafka has acknowledged, which
   * Connect stores up to a second later. So what a pipeline at work is ahead by tells nothing.
   */
  #withoutLag({ postgres }: Look, findings: Finding[]): Finding[] {
    const isActive = postgres?.slot?.active === true;
    const isAtWork = isActive && this.#wasActive;
    this.#wasActive = isActive;
    return isAtWork ? findings.filter(({ kind }) => kind !== 'slot_ahead') : findings;
  }

  async #judge(look: Look): Promise<Finding[]> {
    if (!this.#isRead) await this.#readKnown();
    let findings = [...judge(look, this.#known)];
    if (findings.some(mayBeSettled)) {
      // Somebody may have said since that this is the one, or had all rows sent again.
      await this.#readKnown();
      findings = [...judge(look, this.#known)];
    }
    if (look.postgres !== null && !findings.some(({ kind }) => kind.startsWith('source_'))) {
      await this.#keep(look);
    }
    return findings;
  }

  async #readKnown(): Promise<void> {
    try {
      const read = await this.#options.known.read();
      this.#known = merge(this.#known, read);
      this.#isRead = true;
    } catch (error) {
      this.#options.logger.warn(
        { err: errorText(error) },
        'the known Postgres cannot be read; comparing with what was seen since the start',
      );
    }
  }

  /** A server is known once changes of it were captured. */
  async #keep({ postgres, connect }: Look): Promise<void> {
    const source = postgres?.source ?? null;
    const stored = connect?.stored ?? null;
    if (source === null || (this.#known === null && (stored === null || stored.isSnapshot))) return;
    const isNew = this.#known === null;
    const { lostAt, recoveredAt } = this.#known ?? NEVER;
    this.#known = { ...source, lostAt, recoveredAt };
    const now = this.#options.clock.now();
    if (!this.#isRead || !(isNew || now - this.#keptAt >= KEEP_EVERY_MS)) return;
    this.#keptAt = now;
    await this.#writeDown(this.#known);
  }

  /** It stands until somebody has all rows sent again, whoever watches then. */
  async #noteLoss(now: number): Promise<void> {
    if (this.#known === null) return;
    this.#known = { ...this.#known, lostAt: now };
    await this.#writeDown(this.#known);
  }

  async #writeDown(known: KnownSource): Promise<void> {
    await this.#options.known.keep(known).catch((error: unknown) => {
      this.#options.logger.warn(
        { err: errorText(error) },
        'the known Postgres is not written down; trying again',
      );
    });
  }

  async #maybeRestart(failed: Finding | undefined, findings: readonly Finding[]): Promise<void> {
    const { clock, logger, metrics, restart } = this.#options;
    const isOfUse = failed !== undefined && !findings.some(isBeyondRestart);
    if (!this.#restarts.isDue(isOfUse, clock.now())) return;
    logger.warn({ why: failed?.what }, 'restarting the connector');
    try {
      await restart();
      metrics.restarts.inc();
    } catch (error) {
      logger.warn({ err: errorText(error) }, 'the connector is not restarted yet');
    }
  }

  #flapping(): Finding {
    return {
      kind: 'connector_failed',
      what: `the connector was restarted ${this.#restarts.flaps} times in a row and does not stay up`,
      advice: 'see the log of Kafka Connect',
      graceMs: 0,
    };
  }
}

const NEVER = { lostAt: 0, recoveredAt: 0 };

/** What was seen since reaches farther than what was written down of the same server. */
function merge(seen: KnownSource | null, read: KnownSource | null): KnownSource | null {
  if (seen === null || read === null) return read ?? seen;
  const isSame = read.systemIdentifier === seen.systemIdentifier && read.timeline === seen.timeline;
  return {
    ...read,
    lsn: isSame && seen.lsn > read.lsn ? seen.lsn : read.lsn,
    lostAt: Math.max(seen.lostAt, read.lostAt),
    recoveredAt: Math.max(seen.recoveredAt, read.recoveredAt),
  };
}

function mayBeSettled({ kind }: Finding): boolean {
  return kind.startsWith('source_') || kind === 'changes_lost';
}
