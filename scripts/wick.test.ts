/** The command line as a user meets it: exit codes, and what is printed where. */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { identify, writePidFile } from '../local/stack/pid-file.ts';
import { freePort } from '../local/stack/ports.ts';
import { PORT_VARIABLES, STACK_PORTS } from '../local/stack/stack-ports.ts';
import { runWick } from './wick.ts';

const CHECKOUT = join(import.meta.dirname, '..');

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder = '';
/** An environment in which nothing runs and nothing is configured. */
let quiet: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-cli-'));
  // As root Postgres runs as another user, and the commands look whether it could get in.
  await chmod(folder, 0o755);
  quiet = { PATH: process.env['PATH'] ?? '', WICKSTREAM_DATA_DIR: join(folder, 'nothing') };
  for (const name of STACK_PORTS) {
    quiet[PORT_VARIABLES[name].variable] = String(await freePort());
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Runs the command line in this process, with nothing but this environment. */
async function wick(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  for (const name of Object.keys(process.env)) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries({ ...quiet, ...env })) vi.stubEnv(name, value);
  let stdout = '';
  let stderr = '';
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  const error = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  try {
    const code = await runWick(args);
    return { code, stdout, stderr };
  } finally {
    out.mockRestore();
    error.mockRestore();
    vi.unstubAllEnvs();
  }
}

/** The same as a process of its own, started from anywhere, not only from the checkout. */
async function spawnWick(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, ...args],
      { cwd: folder, env: { ...quiet, ...env } },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      },
    ).stdin?.end();
  });
}

/** One sentence for people: no trace, nothing on stdout. */
function expectSentence({ stdout, stderr }: Result, text: string): void {
  expect(stderr).toContain(text);
  expect(stderr).not.toMatch(/^ +at /m);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stdout).toBe('');
}

/** One object for programs, with the sentence that people get. */
function expectError({ stdout }: Result, code: string, text: string): void {
  expect(JSON.parse(stdout)).toEqual({ error: { code, message: expect.stringContaining(text) } });
}

describe('wrong usage exits with 2 and says what is wrong', () => {
  test.each<[string[], string]>([
    [['upp'], "unknown command 'upp'"],
    [['up', '--onse'], "unknown option '--onse'"],
    [['up', 'now'], 'too many arguments'],
    [['up', '--data'], "option '--data <dir>' argument missing"],
    [['up', '--speed', '0'], '--speed is "0"; give a number above 0, at most 100000'],
    [['up', '--speed', 'fast'], '--speed is "fast"'],
    [['up', '--speed', ''], '--speed is ""'],
    [['up', '--live', '--once'], '--live uses the real venue; leave out --once and --data'],
    [['up', '--data', '/nowhere/at all'], '--data names "/nowhere/at all", which cannot be read'],
    [['connector'], 'Usage: wick connector'],
    [['connector', 'start'], "unknown command 'start'"],
    [['reset'], 'This removes all data in'],
    [[], 'Usage: wick [options] [command]'],
  ])('wick %s', async (args, text) => {
    const result = await wick(args);
    expect(result.stderr).toContain(text);
    expect(result.code).toBe(2);
    expect(result.stdout).toBe('');
  });

  test.each<[string[], string]>([
    [['up', '--json'], '--json goes with --once'],
    [['up', '--once', '--json', '--onse'], "unknown option '--onse'"],
    [['up', '--once', '--json', '--data', '/nowhere'], '--data names "/nowhere", which cannot be'],
    [['status', 'now', '--json'], 'too many arguments'],
  ])('with --json as an object too: wick %s', async (args, text) => {
    const result = await wick(args);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(text);
    expectError(result, 'WICK_USAGE', text);
  });

  test('a --data folder without a candle CSV names what it found', async () => {
    const data = join(folder, 'no-candles');
    await mkdir(data, { recursive: true });
    await writeFile(join(data, 'prices.xlsx'), '');
    await writeFile(join(data, 'README.md'), '');
    const result = await wick(['up', '--once', '--data', data]);
    expect(result.code).toBe(2);
    expectSentence(result, 'holds no candle CSV');
    expect(result.stderr).toContain('prices.xlsx: not a .csv');
    expect(result.stderr).not.toContain('README');
  });

  test('a port that is none', async () => {
    const result = await wick(['up', '--once'], { KAFKA_PORT: 'many' });
    expect(result.code).toBe(2);
    expectSentence(result, 'KAFKA_PORT is "many"; give a port number from 1 to 65535');
  });

  test('a connector file that is none', async () => {
    const env = {
      DB_PASSWORD: 'x',
      CDC_PASSWORD: 'x',
      CLICKHOUSE_PASSWORD: 'x',
      REDIS_PASSWORD: 'x',
    };
    const result = await wick(['connector', 'activate', '--file', 'absent.json'], env);
    expect(result.code).toBe(2);
    expectSentence(result, '"absent.json" cannot be read');
  });
});

describe('help', () => {
  const commands = [
    ['up'],
    ['down'],
    ['status'],
    ['reset'],
    ['doctor'],
    ['migrate'],
    ['bootstrap'],
    ['connector'],
    ['connector', 'activate'],
    ['connector', 'status'],
    ['connector', 'remove'],
  ];

  test.each(commands.map((command) => [command]))(
    'wick %s --help exits with 0',
    async (command) => {
      const result = await wick([...command, '--help']);
      expect(result.code).toBe(0);
      expect(result.stdout).toContain(`Usage: wick ${command.join(' ')}`);
      expect(result.stderr).toBe('');
    },
  );

  test('wick --help lists every command, wick --version the version', async () => {
    const { stdout } = await wick(['--help']);
    for (const [name] of commands) expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    expect((await wick(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('where nothing runs', () => {
  test.each([
    [['status']],
    [['migrate']],
    [['bootstrap']],
    [['connector', 'status']],
    [['connector', 'activate']],
    [['connector', 'remove']],
  ])('wick %s says so in one sentence and exits with 1', async (command) => {
    const result = await wick(command);
    expect(result.code).toBe(1);
    expectSentence(result, 'Nothing is running here: start the embedded stack with "npm start"');
  });

  test('stores that do not answer are one sentence too', async () => {
    const env = {
      DB_PASSWORD: 'x',
      CDC_PASSWORD: 'x',
      CLICKHOUSE_PASSWORD: 'x',
      REDIS_PASSWORD: 'x',
      CONNECT_URL: 'http://127.0.0.1:1',
      SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      KAFKA_BROKERS: '127.0.0.1:1',
      CLICKHOUSE_PORT: '1',
      DB_PORT: '1',
      REDIS_PORT: '1',
    };
    const status = await wick(['status'], env);
    expect(status.code).toBe(1);
    expectSentence(status, 'Nothing is running here: no store answers');
    const json = await wick(['status', '--json'], env);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, counts: null, connector: null });
    const migrate = await wick(['migrate'], env);
    expect(migrate.code).toBe(1);
    expectSentence(migrate, 'A store does not answer');
    const migrateJson = await wick(['migrate', '--json'], env);
    expect(migrateJson.code).toBe(1);
    expectError(migrateJson, 'WICK_STORE_UNREACHABLE', 'A store does not answer');
    const connector = await wick(['connector', 'status'], env);
    expect(connector.code).toBe(1);
    expectSentence(connector, 'Kafka Connect does not answer at "http://127.0.0.1:1"');
  });

  test('wick down and reset --yes have nothing to do, make nothing and exit with 0', async () => {
    expect(await wick(['down'])).toEqual({ code: 0, stdout: 'nothing was running\n', stderr: '' });
    expect((await wick(['reset', '--yes'])).code).toBe(0);
    expect(await readdir(folder)).not.toContain('nothing');
  });

  test('wick doctor finds fault only where there is one, as text and as JSON', async () => {
    const java = join(folder, 'java-8');
    await mkdir(join(java, 'bin'), { recursive: true });
    const script = '#!/bin/sh\necho \'java version "1.8.0_402"\' >&2\n';
    await writeFile(join(java, 'bin', 'java'), script, { mode: 0o755 });
    const text = await wick(['doctor'], { JAVA_HOME: java });
    expect(text.code).toBe(1);
    expect(text.stdout).toContain('BAD  java         version 8\n');
    expect(text.stdout).toContain('→ install Java 17 or newer');
    const json = await wick(['doctor', '--json'], { JAVA_HOME: java });
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([
        expect.objectContaining({ check: 'node', ok: true, advice: null }),
        expect.objectContaining({ check: 'java', ok: false, found: 'version 8' }),
      ]),
    });
    expect(await readdir(folder)).not.toContain('nothing');
  });
});

describe('wick up starts nothing', () => {
  test('without Java', async () => {
    const env = { WICKSTREAM_DATA_DIR: join(folder, 'no-java'), JAVA_HOME: '/nowhere' };
    const result = await wick(['up', '--once'], env);
    expect(result.code).toBe(1);
    const json = await wick(['up', '--once', '--json'], env);
    expect(json.code).toBe(1);
    expectError(json, 'WICK_LOCAL_JAVA_MISSING', 'Kafka and Debezium need Java 17 or newer');
    expectSentence(
      result,
      'Kafka and Debezium need Java 17 or newer, but "/nowhere/bin/java" does not run. Install one',
    );
    expect(await readdir(join(folder, 'no-java', 'run'))).toEqual([]);
  });

  test('while another runs on the same data', async () => {
    const base = join(folder, 'running');
    await mkdir(join(base, 'run'), { recursive: true });
    await writeFile(join(base, 'wickstream-stack'), '');
    const self = await identify(process.ppid);
    await writePidFile(join(base, 'run', 'supervisor.pid'), self ?? { pid: 0, startedAt: '' });
    const result = await wick(['up', '--once'], { WICKSTREAM_DATA_DIR: base });
    expect(result.code).toBe(1);
    expectSentence(
      result,
      `The stack of this checkout is already running (pid ${process.ppid}); look with "npm run wick -- status", stop it with "npm run wick -- down"`,
    );
    expect(await readdir(join(base, 'run'))).toEqual(['supervisor.pid']);
  });

  test('with damaged secrets, and says no word of them', async () => {
    const base = join(folder, 'damaged');
    await mkdir(base);
    await writeFile(join(base, 'secrets.json'), '{"dbPassword":"0123456789abcdef0123');
    const result = await wick(['up', '--once'], { WICKSTREAM_DATA_DIR: base });
    expect(result.code).toBe(1);
    expectSentence(result, 'is damaged; the data beside it cannot be opened without it');
    expect(result.stderr).not.toContain('0123456789');
  });

  test('in a folder that is not its own', async () => {
    const result = await wick(['up', '--once'], { WICKSTREAM_DATA_DIR: folder });
    expect(result.code).toBe(1);
    expectSentence(result, "holds files that are not Wickstream's");
    const reset = await wick(['reset', '--yes'], { WICKSTREAM_DATA_DIR: folder });
    expect(reset.code).toBe(1);
    expectSentence(reset, "holds files that are not Wickstream's");
  });

  test('on a busy port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await wick(['up', '--once', '--json'], {
      WICKSTREAM_DATA_DIR: join(folder, 'busy'),
      REDIS_PORT: String(port),
    });
    await new Promise((resolve) => server.close(resolve));
    const text = `Port ${port} for redis is in use by another program; stop that program or set REDIS_PORT to a free port`;
    expect(result.code).toBe(1);
    expectError(result, 'WICK_LOCAL_PORT_BUSY', text);
    expectSentence({ ...result, stdout: '' }, text);
  });
});

describe('another installation', () => {
  test('an image without local/ says what to use instead', async () => {
    const image = join(folder, 'image');
    const parts = [
      'core',
      'platform',
      'connectors',
      'analyzer',
      'proof',
      'scripts',
      'package.json',
    ];
    for (const part of parts) {
      await cp(join(CHECKOUT, part), join(image, part), { recursive: true });
    }
    await symlink(join(CHECKOUT, 'node_modules'), join(image, 'node_modules'));
    const script = join(image, 'scripts', 'wick.ts');
    for (const command of [['up'], ['down'], ['reset', '--yes']]) {
      const result = await spawnWick(script, command);
      expect(result.code).toBe(1);
      expectSentence(
        result,
        'The embedded stack is not part of this image; use "docker compose up -d"',
      );
    }
    const json = await spawnWick(script, ['up', '--once', '--json']);
    expectError(json, 'WICK_LOCAL_ABSENT', 'is not part of this image');
    const status = await spawnWick(script, ['status']);
    expectSentence(status, 'Nothing is running here');
    const doctor = await spawnWick(script, ['doctor'], {
      DB_PASSWORD: 'x',
      CDC_PASSWORD: 'x',
      CLICKHOUSE_PASSWORD: 'x',
      REDIS_PASSWORD: 'x',
    });
    expect(doctor.stdout).toContain('Postgres does not answer at');
    expect(doctor.code).toBe(1);
  });

  test('an old Node is told in one sentence which it needs', async () => {
    const old = join(folder, 'old-node.mjs');
    await writeFile(
      old,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } });
       Object.defineProperty(process, 'version', { value: 'v20.19.0' });
       await import(${JSON.stringify(join(CHECKOUT, 'scripts', 'wick.mjs'))});`,
    );
    const result = await spawnWick(old, ['status']);
    expect(result.code).toBe(1);
    expectSentence(
      result,
      'Wickstream needs Node 24 or newer, this is v20.19.0; run it through npm',
    );
    const json = await spawnWick(old, ['up', '--once', '--json']);
    expect(json.code).toBe(1);
    expectError(json, 'WICK_LOCAL_NODE_TOO_OLD', 'Wickstream needs Node 24 or newer');
  });
});
