/**
 * F12, F13 and scale-out: several analyzers in one group, that come, go, stand still and come back.
 * In: a workload that goes on all the while. Each has a port of its own.
 */
import { freePort } from '../../../local/stack/ports.ts';
import { waitFor } from '../../../local/stack/wait.ts';
import { cpuSeconds } from '../../../bench/process-cpu.ts';
import type { OwnProcess } from '../../support/own-process.ts';
import { committedOffsets } from '../../support/replay.ts';
import type { Fault, World } from '../run-fault.ts';
import { violationOf } from '../violation.ts';

/** Of SMALL_STEPS. */
const SESSION_MS = 6_000;
const CHANGES = 8;
const BETWEEN_MS = 5_000;

async function oneMore(world: World): Promise<OwnProcess> {
  return world.startAnalyzer({ ANALYZER_HTTP_PORT: String(await freePort()) });
}

/** Lets time pass in which the group moves; nothing is asserted about when. */
async function pass(ms: number): Promise<void> {
  const until = Date.now() + ms;
  const over = async (): Promise<boolean> => Promise.resolve(Date.now() >= until);
  await waitFor(over, { what: `${ms} ms to pass`, timeoutMs: ms + 10_000 });
}

async function committed({ pipeline }: World): Promise<bigint> {
  const offsets = await committedOffsets(pipeline.admin);
  return [...offsets.values()].reduce((sum, offset) => sum + (offset > 0n ? offset : 0n), 0n);
}

/** Waits until the group has committed more than it had: somebody works. */
async function progress(world: World): Promise<void> {
  const before = await committed(world);
  const more = async (): Promise<boolean> => (await committed(world)) > before + 50n;
  await waitFor(more, { what: 'the group to go on', timeoutMs: 60_000 });
}

/** F12: every five seconds one comes, or one goes: stopped or killed. */
export const STORM: Fault = {
  id: 'F12',
  variant: 'rebalance-storm',
  run: async (world) => {
    const { workload, dice, note } = world;
    const running = [await oneMore(world)];
    const going = workload.keepGoing();
    const done: string[] = [];
    for (let change = 0; change < CHANGES; change += 1) {
      const from = Date.now();
      const isMore = running.length === 1 || (running.length < 3 && dice.roll(2) === 0);
      if (isMore) {
        running.push(await oneMore(world));
        done.push('start');
      } else {
        const [leaving] = running.splice(dice.roll(running.length), 1);
        const isKilled = dice.roll(2) === 0;
        await (isKilled ? leaving!.kill() : leaving!.stop());
        done.push(isKilled ? 'kill' : 'stop');
      }
      await pass(Math.max(0, BETWEEN_MS - (Date.now() - from)));
    }
    await going.stop();
    note('changes', done.join(' '));
    note('analyzers at the end', running.length);
  },
};

const REFUSED =
  /ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID|REBALANCE_IN_PROGRESS|not aware of this member|coordinator does not recognise|generation id is not|rebalancing/i;

/** F13: one stands still for two session timeouts while another works on, and wakes up. */
export const ZOMBIE: Fault = {
  id: 'F13',
  variant: 'zombie',
  run: async (world) => {
    const { workload, note } = world;
    const zombie = await oneMore(world);
    const going = workload.keepGoing();
    await progress(world);
    process.kill(zombie.pid, 'SIGSTOP');
    const stoppedAt = Date.now();
    await oneMore(world);
    await progress(world);
    await pass(Math.max(0, 2 * SESSION_MS - (Date.now() - stoppedAt)));
    const logged = (await zombie.readLog()).length;
    process.kill(zombie.pid, 'SIGCONT');
    note('stood still, ms', Date.now() - stoppedAt);
    const wokeUp = async (): Promise<boolean> =>
      /partitions assigned|analyzer ended|stopped|"level":(40|50|60)/.test(
        (await zombie.readLog()).slice(logged),
      );
    await waitFor(wokeUp, { what: 'the zombie to notice', timeoutMs: 60_000 });
    await progress(world);
    await going.stop();
    const since = (await zombie.readLog()).slice(logged);
    note('told off by the group', REFUSED.test(since) ? 'yes' : 'no');
    return REFUSED.test(since) || /partitions assigned/.test(since)
      ? []
      : violationOf('I5', 'zombies went on as if nothing had happened', [since.slice(0, 200)]);
  },
};

/** Each of three is stopped and started again, one after the other, under load. */
export const ROLLING: Fault = {
  id: 'G1',
  variant: 'rolling-restart',
  run: async (world) => {
    const running = [await oneMore(world), await oneMore(world), await oneMore(world)];
    const going = world.workload.keepGoing();
    for (const old of running) {
      await progress(world);
      await old.stop();
      await oneMore(world);
    }
    await progress(world);
    await going.stop();
  },
};

/** One, two, three, four on twelve partitions; what each of them used is told, and no more claimed. */
export const GROWING: Fault = {
  id: 'G2',
  variant: 'one-to-four',
  run: async (world) => {
    const { workload, note } = world;
    const going = workload.keepGoing();
    const running: OwnProcess[] = [];
    for (let count = 1; count <= 4; count += 1) {
      running.push(await oneMore(world));
      await progress(world);
      const before = await measure(world, running);
      await pass(BETWEEN_MS);
      const after = await measure(world, running);
      const seconds = (after.at - before.at) / 1_000;
      const cpu = after.cpu.map((used, index) =>
        ((used - before.cpu[index]!) / seconds).toFixed(2),
      );
      const rate = Number(after.committed - before.committed) / seconds;
      note(`${count} running, changes/s`, Math.round(rate));
      note(`${count} running, CPU each`, cpu.join(' '));
    }
    await going.stop();
  },
};

async function measure(
  world: World,
  running: readonly OwnProcess[],
): Promise<{ at: number; committed: bigint; cpu: readonly number[] }> {
  const cpu: number[] = [];
  for (const { pid } of running) cpu.push((await cpuSeconds(pid)) ?? NaN);
  return { at: Date.now(), committed: await committed(world), cpu };
}
