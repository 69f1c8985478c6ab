import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listenForInterrupts, type Interrupts } from './interrupts.ts';

let said: string[] = [];
let kills = 0;
let interrupts: Interrupts;

beforeEach(() => {
  said = [];
  kills = 0;
  vi.useFakeTimers({ toFake: ['performance'] });
  interrupts = listenForInterrupts({
    say: (line) => said.push(line),
    kill: async () => {
      kills += 1;
    },
  });
});

afterEach(() => {
  interrupts.close();
  vi.useRealTimers();
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s stops everything in order',
  async (name) => {
    process.emit(name);
    expect(interrupts.signal.aborted).toBe(true);
    expect(interrupts.by()).toBe(name);
    expect(await interrupts.interrupted).toBeNull();
    expect(said).toEqual(['stopping everything in order; Ctrl-C again kills what is left']);
  },
);

test('the echo that npm sends of a Ctrl-C does not kill', () => {
  process.emit('SIGINT');
  vi.advanceTimersByTime(900);
  process.emit('SIGINT');
  expect(kills).toBe(0);
});

test('a second Ctrl-C kills what is left, once', () => {
  process.emit('SIGINT');
  vi.advanceTimersByTime(1_100);
  process.emit('SIGINT');
  process.emit('SIGINT');
  expect(kills).toBe(1);
  expect(said.at(-1)).toBe('killing what is left');
});

test('a kill that fails is told', async () => {
  interrupts.close();
  const told = Promise.withResolvers<string>();
  interrupts = listenForInterrupts({
    say: (line) => {
      if (line.startsWith('could not')) told.resolve(line);
    },
    kill: () => Promise.reject(new Error('not yours')),
  });
  interrupts.interrupt('SIGTERM');
  vi.advanceTimersByTime(1_100);
  interrupts.interrupt('SIGTERM');
  expect(await told.promise).toBe('could not kill: not yours');
});

test('nothing listens once it is closed', () => {
  const before = process.listenerCount('SIGHUP');
  interrupts.close();
  expect(process.listenerCount('SIGHUP')).toBe(before - 1);
});
