/**
 * The front as a process: kill -9 under load, ordered stop, a dead engine, and the sentences for a start that fails.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClickHouseFront } from './front.ts';
import { type Answer, sendRequest, startTestFront, until } from './test-front.ts';

interface Process {
  readonly child: ChildProcess;
  readonly port: number;
  readonly stderr: () => string;
  send(path: string, body: string | Buffer): Promise<Answer>;
  /** Exit code, or the signal's name. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

let dir: string;
let children: ChildProcess[];
const password = randomUUID();

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wickstream-clickhouse-'));
  writeFileSync(join(dir, 'password'), `${password}\n`, { mode: 0o600 });
  children = [];
});
afterEach(async () => {
  // In order, so that nothing is left behind on the memory file system.
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }
  rmSync(dir, { recursive: true, force: true });
});

function spawnMain(
  port: number,
  data = join(dir, 'data'),
): { child: ChildProcess; stderr: () => string } {
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'main.ts'),
      `--port=${port}`,
      `--data=${data}`,
      '--user=wick',
      `--password-file=${join(dir, 'password')}`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  children.push(child);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return { child, stderr: () => stderr };
}

async function start(): Promise<Process> {
  const { child, stderr } = spawnMain(0);
  if (child.stdout === null) throw new Error('stdout is a pipe');
  const lines = createInterface({ input: child.stdout });
  const first: unknown = (await Promise.race([once(lines, 'line'), once(child, 'exit')]))[0];
  const ready: unknown = typeof first === 'string' ? JSON.parse(first) : first;
  if (typeof ready !== 'object' || ready === null || !('port' in ready)) throw new Error(stderr());
  const port = Number(ready.port);
  const authorization = `Basic ${Buffer.from(`wick:${password}`).toString('base64')}`;
  return {
    child,
    port,
    stderr,
    send: (path, body) => sendRequest(port, path, body, { authorization }),
    async end(signal) {
      const exit = once(child, 'exit');
      child.kill(signal);
      const [code, name] = await exit;
      return typeof code === 'number' ? code : String(name);
    },
  };
}

const INSERT = '/?query=INSERT%20INTO%20t%20FORMAT%20RowBinary';

describe('the process', () => {
  it('keeps every acknowledged row through kill -9 and comes back on the same data', async () => {
    let front = await start();
    const created = await front.send(
      '/',
      'CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a',
    );
    expect([created.status, created.text]).toEqual([200, '']);
    let acknowledged = 0;
    for (let round = 0; round < 3; round += 1) {
      const rows = Buffer.alloc(8 * 1000);
      const inserts = Array.from({ length: 8 }, async () => {
        for (;;) {
          const answer = await front.send(INSERT, rows);
          if (answer.status !== 200) throw new Error(answer.text);
          acknowledged += 1000;
        }
      });
      const stopped = Promise.allSettled(inserts);
      // An engine that outlived its front would go on with this, and keep the data directory.
      const endless = front.send('/', 'SELECT max(sipHash64(number)) FROM numbers(1000000000000)');
      const broken = expect(endless).rejects.toThrow();
      const enough = acknowledged + 20_000;
      await until('some inserts are through', () => acknowledged >= enough);
      expect(await front.end('SIGKILL')).toBe('SIGKILL');
      await Promise.all([stopped, broken]);
      front = await start();
      const count = Number((await front.send('/', 'SELECT count() FROM t')).text);
      expect(count).toBeGreaterThanOrEqual(acknowledged);
      expect(count % 1000).toBe(0);
      acknowledged = count;
    }
    expect(await front.end('SIGTERM')).toBe(0);
    expect(front.stderr()).toBe('');
  });

  it('lets a running query finish on SIGTERM, refuses new ones, and exits 0', async () => {
    const front = await start();
    const running = front.send('/', 'SELECT sleep(2)');
    await until('the query runs', async () => {
      const seen = await front.send(
        '/',
        `SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'`,
      );
      return seen.text === '1\n';
    });
    const code = front.end('SIGTERM');
    await until('connections are refused', () =>
      front.send('/ping', '').then(
        () => false,
        () => true,
      ),
    );
    expect(await running).toMatchObject({ status: 200, text: '0\n' });
    expect(await code).toBe(0);
  });

  it('exits with 1 when its engine dies, and says so', async () => {
    const front = await start();
    const exit = once(front.child, 'exit');
    const found = await front.send('/', 'SELECT 1');
    expect(found.text).toBe('1\n');
    process.kill(enginePid(front.child), 'SIGKILL');
    expect((await exit)[0]).toBe(1);
    expect(front.stderr()).toMatch(/"level":50.*The ClickHouse engine process ended \(SIGKILL\)/);
    const again = await start();
    expect((await again.send('/', 'SELECT 1')).text).toBe('1\n');
    expect(await again.end('SIGINT')).toBe(0);
  });

  it('refuses a data directory in use, a busy port and wrong arguments in one sentence each', async () => {
    const front = await start();
    const busy = spawnMain(front.port, join(dir, 'other'));
    expect((await once(busy.child, 'exit'))[0]).toBe(1);
    expect(busy.stderr()).toMatch(new RegExp(`Port ${front.port} on 127.0.0.1 is in use`));
    const wrong = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--port', 'x'], {
      stdio: 'ignore',
    });
    expect((await once(wrong, 'exit'))[0]).toBe(2);
    const options = {
      dataDir: join(dir, 'data'),
      port: 0,
      user: 'wick',
      password,
      log: { warn: () => {}, error: () => {} },
      limits: { dataLockWaitMs: 100 },
    };
    await expect(createClickHouseFront(options)).rejects.toMatchObject({
      code: 'WICK_LOCAL_ALREADY_RUNNING',
    });
    const pattern = createClickHouseFront({ ...options, dataDir: join(dir, 'data*') });
    await expect(pattern).rejects.toMatchObject({ code: 'WICK_CONFIG_INVALID' });
    expect((await front.send('/', 'SELECT 1')).text).toBe('1\n');
  });
});

describe('the front inside another process', () => {
  it('closes while a query runs that does not end by itself', async () => {
    const test = await startTestFront({ drainMs: 200 });
    const running = test.send('/', 'SELECT max(sipHash64(number)) FROM numbers(1000000000000)');
    await until('the query runs', async () => {
      const seen = await test.send('/', 'SELECT count() FROM system.processes');
      return seen.text === '2\n';
    });
    await test.stop();
    expect((await running).headers['x-clickhouse-exception-code']).toBe('236');
  });
});

/** The only child of the front process. */
function enginePid(child: ChildProcess): number {
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=']).toString();
  const line = list.split('\n').find((one) => one.trim().split(/\s+/)[1] === String(child.pid));
  return Number(line?.trim().split(/\s+/)[0]);
}
