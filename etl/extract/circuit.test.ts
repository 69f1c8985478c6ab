/** When a venue is left alone and when it is tried again. opossum keeps its own timers, so time is faked. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { recordLogger, type RecordedLogger } from '../../tests/support/recorded-logger.ts';
import { createCircuit, type Circuit } from './circuit.ts';

const REST_MS = 30_000;
const MINUTE_MS = 60_000;

let circuit: Circuit;
let log: RecordedLogger;
/** How often the venue was asked. */
let asked: number;

beforeEach(() => {
  vi.useFakeTimers();
  log = recordLogger();
  asked = 0;
  circuit = createCircuit({ venue: 'test-venue', logger: log.logger });
});

afterEach(() => {
  circuit.close();
  vi.useRealTimers();
});

type Answer = 'fine' | 'refused' | 'outage';

/** The answer is the work's result; an outage comes back to the caller as any other does. */
async function ask(answer: Answer): Promise<Answer> {
  return circuit.pass(
    async () => {
      asked += 1;
      return Promise.resolve(answer);
    },
    (result) => result === 'outage',
  );
}

async function askAll(...answers: readonly Answer[]): Promise<void> {
  for (const answer of answers) expect(await ask(answer)).toBe(answer);
}

const times = (count: number, answer: Answer): Answer[] =>
  Array.from({ length: count }, () => answer);

async function expectLeftAlone(): Promise<void> {
  const before = asked;
  await expect(ask('fine')).rejects.toMatchObject({
    code: 'WICK_ETL_VENUE_DOWN',
    retryable: true,
    message: expect.stringContaining('test-venue') as unknown,
  });
  expect(asked).toBe(before);
}

const said = (): unknown[] => log.lines.map((line) => (line as { msg: string }).msg);

test('ten requests of which half or more are outages leave the venue alone', async () => {
  await askAll(...times(5, 'fine'), ...times(5, 'outage'));
  await expectLeftAlone();
  expect(said()).toEqual(['the venue is left alone']);
});

test('fewer requests say nothing, even if all are outages', async () => {
  await askAll(...times(9, 'outage'), 'fine');
  expect(asked).toBe(10);
});

test('less than half says nothing', async () => {
  await askAll(...times(100, 'fine'), ...times(99, 'outage'), 'fine');
  expect(said()).toEqual([]);
});

test('outages of more than a minute ago are forgotten', async () => {
  await askAll(...times(9, 'outage'));
  await vi.advanceTimersByTimeAsync(MINUTE_MS + 10_000);
  await askAll(...times(9, 'outage'), 'fine');
  expect(said()).toEqual([]);
});

test('refusals are the venue at work and count as nothing against it', async () => {
  await askAll(...times(50, 'refused'));
  expect(said()).toEqual([]);
});

test('what is thrown reaches the caller as it is, and is no outage', async () => {
  const bug = new Error('a bug of ours');
  for (let count = 0; count < 20; count += 1) {
    const work = (): Promise<string> => Promise.reject(bug);
    await expect(circuit.pass(work, () => true)).rejects.toBe(bug);
  }
  await askAll('fine');
});

test('after the rest one request tries, and others wait for what it finds', async () => {
  await askAll(...times(10, 'outage'));
  await vi.advanceTimersByTimeAsync(REST_MS - 1_000);
  await expectLeftAlone();
  await vi.advanceTimersByTimeAsync(1_000);
  const trial = Promise.withResolvers<Answer>();
  const found = circuit.pass(
    () => trial.promise,
    (result) => result === 'outage',
  );
  await expectLeftAlone();
  trial.resolve('fine');
  expect(await found).toBe('fine');
  await askAll('fine', 'fine');
  expect(said()).toEqual(['the venue is left alone', 'the venue answers again']);
});

test('a trial that finds an outage means another rest', async () => {
  await askAll(...times(10, 'outage'));
  await vi.advanceTimersByTimeAsync(REST_MS);
  await askAll('outage');
  await expectLeftAlone();
  await vi.advanceTimersByTimeAsync(REST_MS - 1_000);
  await expectLeftAlone();
  await vi.advanceTimersByTimeAsync(1_000);
  await askAll('fine', 'fine');
});

test('no timer is left once it is closed, open or not', async () => {
  expect(vi.getTimerCount()).toBeGreaterThan(0);
  await askAll(...times(10, 'outage'));
  await expectLeftAlone();
  circuit.close();
  expect(vi.getTimerCount()).toBe(0);
});
