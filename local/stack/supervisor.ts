/**
 * Keeps a set of processes running. In: services that can be started. Out: running services, each
 * started again when it ends by itself, all stopped in reverse order at the end. A service that keeps
 * ending is given up with one clear error, and the whole stack with it. Once `stop` returns nothing
 * runs, whatever was starting or restarting when it was called.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, errorText } from '#core/errors.ts';
import type { ManagedProcess } from './managed-process.ts';

export interface SupervisedService {
  readonly name: string;
  /** Gives up, leaving nothing behind, when the signal is aborted. */
  start(signal?: AbortSignal): Promise<ManagedProcess>;
}

export interface SupervisorOptions {
  /** Told what happens, in words for people. */
  readonly onEvent: (event: SupervisorEvent) => void;
  /** First wait before a restart, ms; each further one doubles it. */
  readonly restartDelayMs?: number;
}

export type SupervisorEvent =
  | { readonly kind: 'starting'; readonly service: string }
  | { readonly kind: 'started'; readonly service: string; readonly pid: number }
  | { readonly kind: 'ended'; readonly service: string; readonly how: string }
  | { readonly kind: 'failed'; readonly service: string; readonly how: string }
  | { readonly kind: 'restarted'; readonly service: string; readonly pid: number }
  | { readonly kind: 'stopped'; readonly service: string };

const RESTARTS_MAX = 5;
const RESTART_WINDOW_MS = 300_000;
const RESTART_DELAY_MS = 500;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, ManagedProcess>();
  /** In the order in which they were first asked to start. */
  readonly #order: string[] = [];
  readonly #restarts = new Map<string, number[]>();
  /** Starts and restarts under way; none of them rejects. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #failure = Promise.withResolvers<never>();
  readonly #stopping = new AbortController();
  #stopped: Promise<void> | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // Whoever waits for it hears of it; nobody has to.
    this.#failure.promise.catch(() => undefined);
  }

  /** Rejects when a service cannot be kept running. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  /** Running services and their pids, in start order. */
  pids(): ReadonlyMap<string, number> {
    const pids = new Map<string, number>();
    for (const name of this.#order) {
      const running = this.#running.get(name);
      if (running !== undefined) pids.set(name, running.pid);
    }
    return pids;
  }

  /** Starts a service and watches it from then on. Rejects when a stop comes first. */
  async start(service: SupervisedService): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    if (!this.#order.includes(service.name)) this.#order.push(service.name);
    this.#options.onEvent({ kind: 'starting', service: service.name });
    await this.#track(this.#launch(service, 'started'));
  }

  /** Stops everything, last started first; throws the first failure after trying all. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    this.#stopping.abort(new Error('the stack is stopping'));
    await Promise.all(this.#pending);
    const failures: unknown[] = [];
    for (const name of [...this.#order].reverse()) {
      const running = this.#running.get(name);
      if (running === undefined) continue;
      this.#running.delete(name);
      try {
        await running.stop();
        this.#options.onEvent({ kind: 'stopped', service: name });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Remembers work under way, so that a stop can wait for it. */
  #track(work: Promise<void>): Promise<void> {
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#pending.add(settled);
    void settled.then(() => this.#pending.delete(settled));
    return work;
  }

  async #launch(service: SupervisedService, kind: 'started' | 'restarted'): Promise<void> {
    const process = await service.start(this.#stopping.signal);
    if (this.#stopping.signal.aborted) {
      await process.stop();
      throw this.#stopping.signal.reason;
    }
    this.#running.set(service.name, process);
    this.#options.onEvent({ kind, service: service.name, pid: process.pid });
    void this.#watch(service, process);
  }

  async #watch(service: SupervisedService, process: ManagedProcess): Promise<void> {
    const { code, signal } = await process.exited;
    if (this.#running.get(service.name) !== process) return; // Stopped by us.
    this.#running.delete(service.name);
    const how = signal ?? `exit ${code}`;
    this.#options.onEvent({ kind: 'ended', service: service.name, how });
    await this.#track(this.#restart(service, how));
  }

  /** Never rejects: giving up is `failure`. */
  async #restart(service: SupervisedService, how: string): Promise<void> {
    const { signal } = this.#stopping;
    const recent = (this.#restarts.get(service.name) ?? []).filter(
      (at) => performance.now() - at < RESTART_WINDOW_MS,
    );
    let last = how;
    for (let attempt = recent.length; attempt < RESTARTS_MAX; attempt += 1) {
      recent.push(performance.now());
      this.#restarts.set(service.name, recent);
      try {
        const wait = (this.#options.restartDelayMs ?? RESTART_DELAY_MS) * 2 ** attempt;
        await delay(wait, undefined, { signal });
        await this.#launch(service, 'restarted');
        return;
      } catch (error) {
        if (signal.aborted) return;
        last = errorText(error);
        this.#options.onEvent({ kind: 'failed', service: service.name, how: last });
      }
    }
    this.#failure.reject(
      new AppError(
        'WICK_LOCAL_ENGINE_FAILED',
        `${service.name} ended ${RESTARTS_MAX} times in ${RESTART_WINDOW_MS / 60_000} minutes (last: ${last}); see its log, then start again`,
      ),
    );
  }
}
