import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Screen } from './screen.ts';
import { createStartView } from './start-view.ts';
import { createStyle } from './style.ts';

let said: string[] = [];
let drawn: (readonly string[])[] = [];

function screen(live: boolean): Screen {
  return {
    live,
    say: (line) => said.push(line),
    draw: (lines) => drawn.push(lines),
    keep: () => undefined,
    close: () => undefined,
  };
}

function view(live: boolean): ReturnType<typeof createStartView> {
  return createStartView(screen(live), createStyle(false), (line) => said.push(line));
}

beforeEach(() => {
  said = [];
  drawn = [];
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('the last line says what is awaited and for how long', () => {
  const { onEvent, close } = view(true);
  onEvent({ kind: 'starting', service: 'kafka' });
  onEvent({ kind: 'starting', service: 'redis' });
  onEvent({ kind: 'started', service: 'redis', pid: 7 });
  vi.advanceTimersByTime(3_000);
  expect(drawn.at(-1)).toEqual(['', '  waiting for kafka 3 s']);
  expect(said).toEqual(['redis is up (pid 7)']);
  close();
  expect(drawn.at(-1)).toEqual([]);
  onEvent({ kind: 'ended', service: 'redis', how: 'SIGKILL' });
  vi.advanceTimersByTime(3_000);
  expect(drawn.at(-1)).toEqual([]);
  expect(said.at(-1)).toBe('redis ended by itself (SIGKILL); starting it again');
});

test('a step of long work replaces the one before it, elsewhere each is a line', () => {
  const terminal = view(true);
  terminal.progress('fetching engines: 10 files');
  terminal.progress('fetching engines: 20 files');
  expect(said).toEqual([]);
  expect(drawn.at(-1)).toEqual(['', '  waiting for fetching engines: 20 files 0 s']);
  terminal.close();
  const pipe = view(false);
  pipe.progress('fetching engines: 10 files');
  expect(said).toEqual(['fetching engines: 10 files']);
  pipe.close();
});

test('every event has its words', () => {
  const { onEvent, close } = view(false);
  onEvent({ kind: 'started', service: 'a', pid: 1 });
  onEvent({ kind: 'ended', service: 'a', how: 'exit 1' });
  onEvent({ kind: 'failed', service: 'a', how: 'no port' });
  onEvent({ kind: 'restarted', service: 'a', pid: 2 });
  onEvent({ kind: 'stopped', service: 'a' });
  close();
  expect(said).toEqual([
    'a is up (pid 1)',
    'a ended by itself (exit 1); starting it again',
    'a did not start (no port); trying again',
    'a is up again (pid 2)',
    'a stopped',
  ]);
});
