/**
 * The embedded stack as a user meets it, from `wick up` to the last process, and what becomes of it
 * when someone kills parts of it, interrupts it, or asks for it twice. Real engines, small recordings,
 * a data folder with spaces and a Persian name, a narrow umask, an odd time zone.
 */
import { readFile, readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { identify } from '../../local/stack/pid-file.ts';
import { SERVICES } from '../../local/stack/stack.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { unexpectedEngineLines, unexpectedOwnLines } from '../support/log-scan.ts';
import {
  SMALL_RECORDINGS,
  StackPlace,
  type Ended,
  type WickProcess,
} from '../support/wick-process.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const CANDLES = 1_800;
const SERIES = 3;
/** Whoever asks whether Postgres is ready is told so. */
const STARTING = /FATAL: {2}the database system is (starting up|not yet accepting connections)$/;
/**
 * A connector that is made again right after it was removed may find its old task's slot still held;
 * it tries again ten seconds later.
 */
const SLOT_HELD = [
  /replication slot "wickstream" is active for PID/,
  /ErrorHandler: Producer failure/,
];
const LONG_MS = 240_000;
const ONCE = ['up', '--once', '--json', '--data', SMALL_RECORDINGS] as const;

// Several starts of the stack, and a consumer group that waits for one that was killed.
vi.setConfig({ testTimeout: LONG_MS, hookTimeout: LONG_MS });

/** The one object on stdout, held to its exact shape. */
function summaryOf({ code, stdout, stderr }: Ended): Record<string, unknown> {
  expect(code, stderr).toBe(0);
  expect(stdout.endsWith('}\n')).toBe(true);
  expect(stdout.trimEnd()).not.toContain('\n');
  const summary: unknown = JSON.parse(stdout);
  const number: unknown = expect.any(Number);
  expect(summary).toEqual({
    postgres: { candles: CANDLES },
    kafka: { changes: number },
    clickhouse: { candles: CANDLES, features: CANDLES, signals: CANDLES },
    mismatches: 0,
    series: SERIES,
    seconds: { ready: number, firstSignal: number, drained: number },
    memoryMb: Object.fromEntries(['total', 'wick', ...SERVICES].map((name) => [name, number])),
  });
  return summary as Record<string, unknown>;
}

/** Redelivery may add to it; nothing may be missing. */
function changesOf(summary: Record<string, unknown>): number {
  return (summary['kafka'] as { changes: number }).changes;
}

describe('a stack that is killed in parts', () => {
  let place: StackPlace;

  beforeAll(async () => {
    place = await StackPlace.create();
  });

  afterAll(async () => {
    await place.remove();
  });

  test('Ctrl-C while the engines start stops what has started, and nothing is left', async () => {
    const run = place.start(...ONCE);
    await run.printed('postgres is up');
    run.signal('SIGINT');
    const { code, stdout, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toContain('stopping everything in order');
    expect(stderr).not.toMatch(/^ +at /m);
    expect(await place.leftovers()).toEqual([]);
  });

  test('kill -9 of every service mid-run: all come back and nothing is lost', async () => {
    const run = place.start(...ONCE);
    await run.printed('everything runs');
    for (const service of SERVICES) {
      process.kill(await place.pidOf(service), 'SIGKILL');
    }
    const ended = await run.ended;
    const summary = summaryOf(ended);
    expect(changesOf(summary)).toBeGreaterThanOrEqual(CANDLES);
    for (const service of SERVICES) {
      expect(ended.stderr).toContain(`${service} ended by itself (SIGKILL); starting it again`);
      expect(ended.stderr).toContain(`${service} is up again`);
    }
    expect(await place.leftovers()).toEqual([]);
  });

  test('kill -9 of the supervisor leaves orphans, which the next run ends before it starts', async () => {
    const killed = place.start(...ONCE);
    await killed.printed('analyzer is up');
    const orphan = await place.pidOf('kafka');
    killed.signal('SIGKILL');
    await killed.ended;
    expect(await identify(orphan)).not.toBeNull();

    const ended = await place.run(...ONCE);
    expect(ended.stderr).toContain('stopped kafka, left over from an earlier run');
    expect(changesOf(summaryOf(ended))).toBeGreaterThanOrEqual(CANDLES);
    expect(await identify(orphan)).toBeNull();
    expect(await place.leftovers()).toEqual([]);
  });

  test('what is left can be removed, and nothing but that', async () => {
    const { code, stdout } = await place.run('reset', '--yes');
    expect([code, stdout]).toEqual([0, `removed the data in ${place.layout.base}\n`]);
    await expect(stat(place.layout.base)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a stack that goes on', () => {
  let place: StackPlace;
  let up: WickProcess;

  beforeAll(async () => {
    place = await StackPlace.create();
    up = place.start('up', '--no-connector', '--data', SMALL_RECORDINGS);
    await up.printed('everything runs');
  });

  afterAll(async () => {
    up.signal('SIGKILL');
    await up.ended;
    await place.remove();
  });

  test('a second one on the same data is refused, and the first runs on', async () => {
    const { code, stdout, stderr } = await place.run(...ONCE);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'WICK_LOCAL_ALREADY_RUNNING' } });
    expect(stderr).toMatch(
      /^wick: The stack of this checkout is already running \(pid \d+\);.*\n$/,
    );
    expect(await identify(await place.pidOf('postgres'))).not.toBeNull();
  });

  // Only Linux says who has which socket.
  test.runIf(process.platform === 'linux')('it listens on the loopback only', async () => {
    const sockets = await listening(place);
    expect([...new Set(sockets.map(({ address }) => address))]).toEqual(['127.0.0.1']);
    const ports = new Set(sockets.map(({ port }) => port));
    for (const port of Object.values(place.ports)) expect(ports).toContain(port);
  });

  test('schema and topics are made once, however often one asks', async () => {
    for (const command of ['migrate', 'bootstrap']) {
      const { code, stdout, stderr } = await place.run(command, '--json');
      expect([code, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toEqual({ postgres: [], topics: [], clickhouse: [] });
    }
  });

  test('without its connector it says what is missing', async () => {
    const status = await place.run('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toContain(
      'not registered; run "npm run wick -- connector activate" or the curl',
    );
    expect((await place.run('connector', 'status')).code).toBe(1);
    const doctor = await place.run('doctor');
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toContain('BAD  connector');
    expect(doctor.stdout).toContain('BAD  slot         no replication slot');
    for (const service of SERVICES)
      expect(doctor.stdout).toMatch(new RegExp(`^ok {3}${service} `, 'm'));
  });

  test('the connector file is posted as it is: 201, and 409 the second time', async () => {
    const body = await readFile(join(CHECKOUT, 'pg-connector.json'), 'utf8');
    expect(await post(place, body)).toBe(201);
    expect(await post(place, body)).toBe(409);
    await waitFor(async () => (await place.run('status', '--json')).code === 0, {
      what: 'the pipeline to work',
      timeoutMs: 60_000,
    });
    expect((await place.run('doctor', '--json')).code).toBe(0);
  });

  test('its table is lines where there is no terminal', async () => {
    await up.printed('clickhouse');
    await up.printed('candles · kafka ');
    expect(up.output()).not.toContain('\u001b');
  });

  test('the connector can be removed and activated again', async () => {
    const removed = await place.run('connector', 'remove');
    expect(removed.stdout).toBe(
      'connector wickstream-postgres removed; its slot and publication stay\n',
    );
    expect((await place.run('connector', 'remove')).stdout).toContain('was not there');
    expect((await place.run('connector', 'activate')).stdout).toContain(' created\n');
    expect((await place.run('connector', 'activate')).stdout).toContain(' updated\n');
    await waitFor(async () => (await place.run('connector', 'status')).code === 0, {
      what: 'the connector to run again',
      timeoutMs: 60_000,
    });
  });

  test('no password is on a command line, in a log or in what is printed', async () => {
    const passwords = await place.passwords();
    expect(passwords).toHaveLength(4);
    const texts = new Map(await place.logs());
    texts.set('output', up.output());
    for (const [pid, line] of await commandLines()) texts.set(`command line of ${pid}`, line);
    const leaks = [...texts].filter(([, text]) => passwords.some((each) => text.includes(each)));
    expect(leaks.map(([name]) => name)).toEqual([]);
    for (const file of [place.layout.secretsFile, place.layout.envFile]) {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
  });

  test('Ctrl-C ends it in order with exit code 0, its logs clean and nothing left', async () => {
    up.signal('SIGINT');
    const { code, stdout, stderr } = await up.ended;
    expect([code, stderr]).toEqual([0, '']);
    const stopped = [...stdout.matchAll(/(\w+) stopped\n/g)].map(([, name]) => name);
    const after = (first: string, then: string): void =>
      expect(stopped.indexOf(then), `${then} after ${first}`).toBeGreaterThan(
        stopped.indexOf(first),
      );
    expect(new Set(stopped)).toEqual(new Set(SERVICES));
    after('scheduler', 'postgres');
    after('analyzer', 'kafka');
    after('analyzer', 'clickhouse');
    after('connect', 'postgres');
    after('connect', 'kafka');
    expect(await place.leftovers()).toEqual([]);
    for (const [name, text] of await place.logs()) {
      const own = ['analyzer.log', 'scheduler.log', 'venue.log', 'watchdog.log'].includes(name);
      const lines = own
        ? unexpectedOwnLines(text, [/^\{"ready":true,"port":\d+\}$/])
        : unexpectedEngineLines(text, [STARTING, ...SLOT_HELD]);
      expect(lines, name).toEqual([]);
    }
  });

  test('wick down ends one that still starts', async () => {
    const again = place.start('up', '--data', SMALL_RECORDINGS);
    await again.printed('kafka is up');
    const down = await place.run('down');
    expect([down.code, down.stdout]).toEqual([0, 'stopped\n']);
    const { code, stdout } = await again.ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('everything runs');
    expect(await place.leftovers()).toEqual([]);
  });
});

async function post(place: StackPlace, body: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${place.ports.connect}/connectors/`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}

/** Command lines of all processes that this user may see. */
async function commandLines(): Promise<[string, string][]> {
  const lines: [string, string][] = [];
  for (const pid of (await readdir('/proc').catch((): string[] => [])).filter((name) =>
    /^\d+$/.test(name),
  )) {
    lines.push([pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')]);
  }
  return lines;
}

/** Listening TCP sockets of the stack's processes and of their children. */
async function listening(place: StackPlace): Promise<{ address: string; port: number }[]> {
  const inodes = new Set<string>();
  const parents = new Map<number, number>();
  for (const [pid] of await commandLines()) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    parents.set(Number(pid), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const ours = new Set<number>();
  for (const service of SERVICES) ours.add(await place.pidOf(service));
  const isOurs = (pid: number): boolean =>
    ours.has(pid) || (parents.has(pid) && pid > 1 && isOurs(parents.get(pid) ?? 0));
  for (const pid of [...parents.keys()].filter(isOurs)) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch((): string[] => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  }
  const sockets: { address: string; port: number }[] = [];
  for (const table of ['tcp', 'tcp6']) {
    for (const line of (await readFile(`/proc/net/${table}`, 'utf8')).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] !== '0A' || !inodes.has(fields[9] ?? '')) continue;
      const [address = '', port = ''] = (fields[1] ?? '').split(':');
      sockets.push({ address: addressOf(address), port: Number.parseInt(port, 16) });
    }
  }
  return sockets;
}

/** As /proc/net writes it: words of four bytes, each in the order of the machine (little endian). */
function addressOf(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  const words = Array.from({ length: bytes.length / 4 }, (_, at) =>
    bytes.slice(at * 4, at * 4 + 4).reverse(),
  );
  const last = (words.at(-1) ?? []).map((byte) => Number.parseInt(byte, 16)).join('.');
  const mapped = words.slice(0, -1).flat().join('').toLowerCase();
  return ['', '00000000000000000000ffff'].includes(mapped) ? last : hex;
}
