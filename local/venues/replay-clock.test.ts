import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createReplayClock, type ReplayClock, type ReplayClockOptions } from './replay-clock.ts';

const START = epochMs(1_748_000_000_000);
const END = epochMs(START + 3_600_000);

let folder = '';
let elapsed = 0;
let logged: string[] = [];
let clocks: ReplayClock[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'wick-clock-'));
  elapsed = 5_000;
  logged = [];
  clocks = [];
});
afterEach(() => {
  for (const clock of clocks) clock.close();
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

function open(options: Partial<ReplayClockOptions> = {}): ReplayClock {
  const logger = pino(
    { level: 'info' },
    { write: (line) => void logged.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const clock = createReplayClock({
    start: START,
    end: END,
    speed: 60,
    recordingsId: 'a',
    logger,
    elapsedMs: () => elapsed,
    ...options,
  });
  clocks.push(clock);
  return clock;
}

/** Lets elapsed time and the timers move on together. */
function pass(ms: number): void {
  for (let done = 0; done < ms; done += 500) {
    elapsed += Math.min(500, ms - done);
    vi.advanceTimersByTime(Math.min(500, ms - done));
  }
}

test('runs at its speed from its start', () => {
  const clock = open();
  expect(clock.now()).toBe(START);
  pass(10_000);
  expect(clock.now()).toBe(START + 600_000);
});

test('stands still at the end and says so once', () => {
  const clock = open();
  pass(59_000);
  expect([clock.exhausted(), logged]).toEqual([false, []]);
  pass(5_000);
  expect([clock.now(), clock.exhausted()]).toEqual([END, true]);
  expect(logged).toEqual(['the recording is over; the replay clock stands still']);
});

test('goes on where it was after an orderly stop', () => {
  const file = join(folder, 'deep', 'clock.json');
  const first = open({ file });
  pass(10_000);
  const stopped = first.now();
  first.close();
  elapsed = 1;
  expect(open({ file }).now()).toBe(stopped);
});

test('never goes back after a kill, whenever it comes', () => {
  const file = join(folder, 'clock.json');
  let told = 0;
  for (const lifeMs of [0, 1, 400, 999, 1_000, 1_001, 2_500, 10_000]) {
    const clock = open({ file });
    expect(clock.now()).toBeGreaterThanOrEqual(told);
    pass(lifeMs);
    told = clock.now();
    vi.clearAllTimers();
  }
});

test('tells no time beyond the saved one when saving is late', () => {
  const file = join(folder, 'clock.json');
  const clock = open({ file });
  elapsed += 30_000;
  const saved = (JSON.parse(readFileSync(file, 'utf8')) as { now: number }).now;
  expect(clock.now()).toBe(saved);
  vi.advanceTimersByTime(1_000);
  expect(clock.now()).toBe(START + 30_000 * 60);
});

test('stands still and reports it once while the position cannot be saved', () => {
  const file = join(folder, 'clock.json');
  mkdirSync(`${file}.new`);
  const clock = open({ file });
  pass(5_000);
  expect(clock.now()).toBe(START);
  expect(logged).toEqual([expect.stringMatching(/cannot be saved/)]);
  rmSync(`${file}.new`, { recursive: true });
  pass(5_000);
  expect(clock.now()).toBe(START + 10_000 * 60);
});

test('does not take over a position of other recordings', () => {
  const file = join(folder, 'clock.json');
  open({ file });
  pass(10_000);
  expect(open({ file, recordingsId: 'b' }).now()).toBe(START);
  expect(logged).toEqual([expect.stringMatching(/belongs to other recordings/)]);
});

test.each(['', '{"now":', '{"now":5,"recordings":"a"}', '{"recordings":"a"}'])(
  'begins anew with a warning when the file holds "%s"',
  (text) => {
    const file = join(folder, 'clock.json');
    writeFileSync(file, text);
    expect(open({ file }).now()).toBe(START);
    expect(logged).toEqual([expect.stringMatching(/unreadable/)]);
  },
);

test('with speed 0 stands at its start, whatever the file says, and leaves that in the file', () => {
  const file = join(folder, 'clock.json');
  const live = open({ file });
  pass(5_000);
  live.close();
  const once = open({ file, start: END, speed: 0 });
  expect([once.now(), once.exhausted()]).toEqual([END, true]);
  once.close();
  expect(open({ file }).now()).toBe(END);
});
