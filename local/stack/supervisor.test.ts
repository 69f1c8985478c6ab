import { expect, test } from 'vitest';
import type { ManagedProcess } from './managed-process.ts';
import { Supervisor, type SupervisedService, type SupervisorEvent } from './supervisor.ts';
import { waitFor } from './wait.ts';

/** A service without a process: the test says when it becomes ready and when it ends. */
class FakeService implements SupervisedService {
  readonly name: string;
  readonly calls: string[];
  starts = 0;
  /** What the next starts wait for or throw. */
  onStart: (signal: AbortSignal | undefined) => Promise<void> = () => Promise.resolve();
  onStop: () => Promise<void> = () => Promise.resolve();
  end: (how: { code: number | null; signal: string | null }) => void = () => undefined;

  constructor(name: string, calls: string[] = []) {
    this.name = name;
    this.calls = calls;
  }

  readonly start = async (signal?: AbortSignal): Promise<ManagedProcess> => {
    this.starts += 1;
    await this.onStart(signal);
    const exited = Promise.withResolvers<{ code: number | null; signal: string | null }>();
    this.end = exited.resolve;
    this.calls.push(`start ${this.name}`);
    return {
      name: this.name,
      pid: this.starts,
      exited: exited.promise,
      stop: async () => {
        this.calls.push(`stop ${this.name}`);
        await this.onStop();
        exited.resolve({ code: 0, signal: null });
      },
    };
  };
}

function supervise(): { supervisor: Supervisor; events: SupervisorEvent[] } {
  const events: SupervisorEvent[] = [];
  const supervisor = new Supervisor({ onEvent: (event) => events.push(event), restartDelayMs: 1 });
  return { supervisor, events };
}

const until = (what: string, check: () => boolean): Promise<true> =>
  waitFor(() => Promise.resolve(check()), { what, timeoutMs: 5_000, intervalMs: 2 });

const killed = { code: null, signal: 'SIGKILL' };

test('services stop in the reverse of the order in which they were asked to start', async () => {
  const calls: string[] = [];
  const { supervisor } = supervise();
  const slow = new FakeService('kafka', calls);
  const ready = Promise.withResolvers<void>();
  slow.onStart = () => ready.promise;
  const starting = supervisor.start(slow);
  await supervisor.start(new FakeService('postgres', calls));
  ready.resolve();
  await starting;
  await supervisor.stop();
  expect(calls).toEqual(['start postgres', 'start kafka', 'stop postgres', 'stop kafka']);
  expect(supervisor.pids().size).toBe(0);
});

test('a service that ends by itself is started again', async () => {
  const { supervisor, events } = supervise();
  const service = new FakeService('connect');
  await supervisor.start(service);
  service.end(killed);
  await until('the restart', () => events.at(-1)?.kind === 'restarted');
  expect(events).toEqual([
    { kind: 'starting', service: 'connect' },
    { kind: 'started', service: 'connect', pid: 1 },
    { kind: 'ended', service: 'connect', how: 'SIGKILL' },
    { kind: 'restarted', service: 'connect', pid: 2 },
  ]);
  expect([...supervisor.pids()]).toEqual([['connect', 2]]);
  await supervisor.stop();
});

test('a service that keeps ending is given up with one error', async () => {
  const { supervisor, events } = supervise();
  const service = new FakeService('analyzer');
  await supervisor.start(service);
  service.onStart = () => Promise.reject(new Error('no port'));
  service.end({ code: 3, signal: null });
  await expect(supervisor.failure).rejects.toThrow(
    'analyzer ended 5 times in 5 minutes (last: no port); see its log, then start again',
  );
  expect(service.starts).toBe(6);
  expect(events.filter(({ kind }) => kind === 'failed')).toHaveLength(5);
  await supervisor.stop();
});

test('restarts are counted over the lives of a service', async () => {
  const { supervisor, events } = supervise();
  const service = new FakeService('redis');
  await supervisor.start(service);
  const gaveUp = expect(supervisor.failure).rejects.toThrow('redis ended 5 times');
  for (let life = 1; life <= 5; life += 1) {
    service.end(killed);
    const restarts = (): number => events.filter(({ kind }) => kind === 'restarted').length;
    await until('the restart', () => restarts() === life);
  }
  service.end(killed);
  await gaveUp;
  expect(service.starts).toBe(6);
  await supervisor.stop();
});

test('a stop gives up a start under way and waits for its end', async () => {
  const { supervisor } = supervise();
  const service = new FakeService('kafka');
  let undone = false;
  service.onStart = (signal) =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => {
        setImmediate(() => {
          undone = true;
          reject(signal.reason);
        });
      });
    });
  const start = supervisor.start(service);
  const refused = expect(start).rejects.toThrow('the stack is stopping');
  await supervisor.stop();
  expect(undone).toBe(true);
  await refused;
});

test('a service that becomes ready while the stack stops is stopped too', async () => {
  const calls: string[] = [];
  const { supervisor } = supervise();
  const service = new FakeService('venue', calls);
  const ready = Promise.withResolvers<void>();
  service.onStart = () => ready.promise;
  const refused = expect(supervisor.start(service)).rejects.toThrow('the stack is stopping');
  const stopped = supervisor.stop();
  ready.resolve();
  await stopped;
  await refused;
  expect(calls).toEqual(['start venue', 'stop venue']);
});

test('a stop during a restart leaves nothing behind', async () => {
  const calls: string[] = [];
  const { supervisor } = supervise();
  const service = new FakeService('postgres', calls);
  await supervisor.start(service);
  const ready = Promise.withResolvers<void>();
  service.onStart = () => ready.promise;
  service.end(killed);
  await until('the restart to begin', () => service.starts === 2);
  const stopped = supervisor.stop();
  ready.resolve();
  await stopped;
  expect(calls).toEqual(['start postgres', 'start postgres', 'stop postgres']);
  expect(supervisor.pids().size).toBe(0);
});

test('a stop during the wait before a restart ends the wait', async () => {
  const events: SupervisorEvent[] = [];
  const supervisor = new Supervisor({
    onEvent: (event) => events.push(event),
    restartDelayMs: 3_600_000,
  });
  const service = new FakeService('scheduler');
  await supervisor.start(service);
  service.end(killed);
  await until('the end', () => events.at(-1)?.kind === 'ended');
  await supervisor.stop();
  expect(service.starts).toBe(1);
});

test('an end that we asked for is no reason to restart', async () => {
  const { supervisor, events } = supervise();
  await supervisor.start(new FakeService('redis'));
  await supervisor.stop();
  expect(events.map(({ kind }) => kind)).toEqual(['starting', 'started', 'stopped']);
});

test('a service that cannot be stopped does not keep the others running', async () => {
  const calls: string[] = [];
  const { supervisor } = supervise();
  const stuck = new FakeService('connect', calls);
  stuck.onStop = () => Promise.reject(new Error('another user’s'));
  await supervisor.start(new FakeService('kafka', calls));
  await supervisor.start(stuck);
  await expect(supervisor.stop()).rejects.toThrow('another user’s');
  expect(calls).toContain('stop kafka');
});

test('two calls of stop are one stop', async () => {
  const calls: string[] = [];
  const { supervisor } = supervise();
  await supervisor.start(new FakeService('kafka', calls));
  await Promise.all([supervisor.stop(), supervisor.stop()]);
  expect(calls).toEqual(['start kafka', 'stop kafka']);
  await expect(supervisor.start(new FakeService('late'))).rejects.toThrow('stopping');
});
