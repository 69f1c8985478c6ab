/**
 * Keeps a set of processes running. In: services that can be started. Out: running services, each
 * started again when it ends by itself, all stopped in reverse order at the end. A service that keeps
 * ending is given up with one clear error, and the whole stack with it.
 */
import { AppError, errorText } from '#core/errors.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { ManagedProcess } from './managed-process.ts';

export interface SupervisedService {
  readonly name: string;
  start(): Promise<ManagedProcess>;
}

export interface SupervisorOptions {
  /** Told what happens, in words for people. */
  readonly onEvent: (event: SupervisorEvent) => void;
}

export type SupervisorEvent =
  | { readonly kind: 'started'; readonly service: string; readonly pid: number }
  | { readonly kind: 'ended'; readonly service: string; readonly how: string }
  | { readonly kind: 'restarted'; readonly service: string; readonly pid: number }
  | { readonly kind: 'stopped'; readonly service: string };

const RESTARTS_MAX = 5;
const RESTART_WINDOW_MS = 300_000;
const RESTART_DELAY_MS = 500;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, ManagedProcess>();
  /** In the order of their first start. */
  readonly #order: string[] = [];
  readonly #restarts = new Map<string, number[]>();
  readonly #failure = Promise.withResolvers<never>();
  #stopping = false;

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

  /** Starts a service and watches it from then on. */
  async start(service: SupervisedService): Promise<void> {
    const process = await service.start();
    if (!this.#order.includes(service.name)) this.#order.push(service.name);
    this.#running.set(service.name, process);
    this.#options.onEvent({ kind: 'started', service: service.name, pid: process.pid });
    this.#watch(service, process);
    // A stop that came while it was starting must not leave it behind.
    if (this.#stopping) await process.stop();
  }

  /** Stops everything, last started first. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const name of [...this.#order].reverse()) {
      const running = this.#running.get(name);
      if (running === undefined) continue;
      await running.stop();
      this.#running.delete(name);
      this.#options.onEvent({ kind: 'stopped', service: name });
    }
  }

  #watch(service: SupervisedService, process: ManagedProcess): void {
    const ended = async (): Promise<void> => {
      const { code, signal } = await process.exited;
      if (this.#stopping) return;
      this.#running.delete(service.name);
      const how = signal ?? `exit ${code}`;
      this.#options.onEvent({ kind: 'ended', service: service.name, how });
      await this.#restart(service, how);
    };
    void ended();
  }

  async #restart(service: SupervisedService, how: string): Promise<void> {
    const recent = (this.#restarts.get(service.name) ?? []).filter(
      (at) => performance.now() - at < RESTART_WINDOW_MS,
    );
    let last = how;
    for (let attempt = recent.length; attempt < RESTARTS_MAX; attempt += 1) {
      recent.push(performance.now());
      this.#restarts.set(service.name, recent);
      await delay(RESTART_DELAY_MS * 2 ** attempt);
      if (this.#stopping) return;
      try {
        const process = await service.start();
        this.#running.set(service.name, process);
        this.#options.onEvent({ kind: 'restarted', service: service.name, pid: process.pid });
        this.#watch(service, process);
        if (this.#stopping) await process.stop();
        return;
      } catch (error) {
        last = errorText(error);
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
