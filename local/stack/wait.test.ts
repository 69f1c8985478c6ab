import { expect, test } from 'vitest';
import { waitFor } from './wait.ts';

const quick = { what: 'the moon', timeoutMs: 100, intervalMs: 1 };

test('the first value that is something ends the wait', async () => {
  const answers = [undefined, null, false, 0];
  expect(await waitFor(async () => answers.shift(), quick)).toBe(0);
});

test('a check that throws is asked again, and its last error explains the time-out', async () => {
  let calls = 0;
  const check = async (): Promise<never> => {
    calls += 1;
    throw new Error(`refused ${calls > 1 ? 'again' : 'once'}`);
  };
  await expect(waitFor(check, quick)).rejects.toThrow(
    'Waited 0 s for the moon (last: refused again)',
  );
});

test('a check that hangs does not stretch the bound', async () => {
  await expect(waitFor(() => new Promise(() => undefined), quick)).rejects.toThrow(
    'Waited 0 s for the moon',
  );
});

test('no check is called after the end', async () => {
  let calls = 0;
  const check = async (): Promise<false> => {
    calls += 1;
    return false;
  };
  await expect(waitFor(check, quick)).rejects.toThrow('Waited');
  const after = calls;
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls - after).toBeLessThanOrEqual(1);
});

test('an abort ends the wait at once, with its reason', async () => {
  const abort = new AbortController();
  const waiting = waitFor(() => new Promise(() => undefined), {
    what: 'nothing',
    timeoutMs: 60_000,
    signal: abort.signal,
  });
  abort.abort(new Error('stop'));
  await expect(waiting).rejects.toThrow('stop');
});
