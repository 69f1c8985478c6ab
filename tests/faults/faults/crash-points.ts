/** F7: the analyzer kills itself at one of its named points, and another one takes over. */
import { waitFor } from '../../../local/stack/wait.ts';
import { CRASH_POINTS } from '../../../analyzer/crash-point.ts';
import type { Fault } from '../run-fault.ts';

const PASSES_MAX = 6;

/** One for each point. */
export const CRASHES: readonly Fault[] = CRASH_POINTS.map((point) => ({
  id: 'F7',
  variant: point.replaceAll('_', '-'),
  run: async ({ workload, dice, note, startAnalyzer }) => {
    const pass = 1 + dice.roll(PASSES_MAX);
    note('pass', pass);
    const doomed = await startAnalyzer({ CRASH_AT: `${point}:${pass}` });
    let signal: string | null | undefined;
    const ended = doomed.ended().then((end) => (signal = end.signal));
    const going = workload.keepGoing();
    await waitFor(async () => Promise.resolve(signal !== undefined), {
      what: `the analyzer to die at ${point}:${pass}`,
      timeoutMs: 60_000,
    });
    await going.stop();
    await ended;
    if (signal !== 'SIGKILL') throw new Error(`the analyzer ended by "${signal}", not SIGKILL`);
    await workload.grow(10);
    await startAnalyzer();
    await workload.grow(10);
  },
}));
