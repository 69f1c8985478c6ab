import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLayout, resolveLayout, type StackLayout } from '../../local/stack/layout.ts';
import { identify, writePidFile } from '../../local/stack/pid-file.ts';
import { freePort } from '../../local/stack/ports.ts';
import { PORT_VARIABLES, STACK_PORTS } from '../../local/stack/stack-ports.ts';
import type { Finding } from './finding.ts';
import { checkMachine, checkServices, type Machine } from './machine.ts';

const HEALTHY: Machine = {
  javaMajor: async () => 17,
  diskFreeMib: async () => 50_000,
  memoryFreeMib: () => 8_000,
};

let folder = '';
let layout: StackLayout;
let env: Record<string, string>;
const servers: Server[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-doctor-'));
  await chmod(folder, 0o755);
  layout = resolveLayout({
    checkout: folder,
    dataDir: join(folder, 'data'),
    cacheDir: join(folder, 'cache'),
  });
  env = {};
  for (const name of STACK_PORTS) {
    env[PORT_VARIABLES[name].variable] = String(await freePort());
  }
});

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
  );
  await rm(folder, { recursive: true });
});

async function listen(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

async function occupy(path: string): Promise<void> {
  const self = await identify(process.pid);
  if (self === null) throw new Error('this process is not known');
  await writePidFile(path, self);
}

const findings = (machine: Partial<Machine> = {}, running = false): Promise<Finding[]> =>
  checkMachine(layout, env, running, { ...HEALTHY, ...machine });

async function badOnes(machine: Partial<Machine> = {}, running = false): Promise<Finding[]> {
  return (await findings(machine, running)).filter(({ ok }) => !ok);
}

describe('the machine', () => {
  test('that lacks nothing has no bad finding and nothing to advise', async () => {
    const found = await findings();
    expect(found.map(({ check }) => check)).toEqual([
      'java',
      'disk',
      'memory',
      'folder',
      'engines',
      'ports',
    ]);
    expect(found.filter(({ ok, advice }) => !ok || advice !== null)).toEqual([]);
  });

  test.each([
    [null, 'not found'],
    [11, 'version 11'],
  ])('with Java %s is told what to install', async (major, found) => {
    expect(await badOnes({ javaMajor: async () => major })).toEqual([
      {
        check: 'java',
        ok: false,
        found,
        advice:
          'install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME',
      },
    ]);
  });

  test('with a full disk is told how much is missing', async () => {
    expect(await badOnes({ diskFreeMib: async () => 48 })).toEqual([
      {
        check: 'disk',
        ok: false,
        found: `48 MiB free in ${layout.base}`,
        advice: 'free 2000 MiB more, or set WICKSTREAM_DATA_DIR to a folder on a larger disk',
      },
    ]);
  });

  test('with little memory is told so, unless the stack itself has it', async () => {
    const little = { memoryFreeMib: () => 900 };
    expect(await badOnes(little)).toMatchObject([{ check: 'memory', found: '900 MiB free' }]);
    expect(await badOnes(little, true)).toEqual([]);
  });

  test.each(STACK_PORTS)('with a busy port of %s is told which variable moves it', async (name) => {
    const { variable } = PORT_VARIABLES[name];
    const port = Number(env[variable]);
    await listen(port);
    expect(await badOnes()).toEqual([
      {
        check: 'ports',
        ok: false,
        found: `port ${port} for ${name} is in use by another program`,
        advice: `stop that program or set ${variable} to a free port`,
      },
    ]);
  });

  test('with a folder of someone else is told which to set', async () => {
    const other = join(folder, 'data', 'diary.txt');
    await createLayout(layout);
    await rm(join(layout.base, 'wickstream-stack'));
    await writeFile(other, '');
    const [finding] = await badOnes();
    expect(finding).toMatchObject({
      check: 'folder',
      advice: 'set WICKSTREAM_DATA_DIR to an empty or new folder',
    });
    expect(finding?.found).toContain("holds files that are not Wickstream's");
  });

  test('with damaged secrets is told what becomes of the data', async () => {
    await createLayout(layout);
    await writeFile(layout.secretsFile, '{');
    expect(await badOnes()).toMatchObject([
      {
        check: 'folder',
        found: `"${layout.secretsFile}" is damaged; the data beside it cannot be opened without it`,
        advice: 'restore it, or remove everything with "npm run wick -- reset"',
      },
    ]);
  });

  test('with leftovers of a killed run names them instead of their ports', async () => {
    await createLayout(layout);
    await occupy(join(layout.run, 'kafka.pid'));
    await listen(Number(env['KAFKA_PORT']));
    expect(await badOnes()).toEqual([
      {
        check: 'kafka',
        ok: false,
        found: `left over from an earlier run (pid ${process.pid})`,
        advice: '"npm start" stops it and starts anew; "npm run wick -- down" only stops it',
      },
    ]);
  });
});

describe('the services of a running stack', () => {
  const PORTS = {
    postgres: null,
    redis: null,
    clickhouse: null,
    kafka: null,
    connect: null,
    registry: null,
    venue: null,
    analyzer: null,
    scheduler: null,
    watchdog: null,
  };
  const services = ['postgres', 'redis', 'clickhouse', 'kafka', 'connect', 'registry'] as const;

  beforeEach(async () => {
    await createLayout(layout);
  });

  test.each([...services, 'venue', 'analyzer', 'scheduler', 'watchdog'] as const)(
    '%s that is down is named with its log',
    async (name) => {
      expect(await checkServices(layout, { ...PORTS, [name]: 1 })).toEqual([
        {
          check: name,
          ok: false,
          found: 'not running',
          advice: `see ${join(layout.logs, `${name}.log`)}; the supervisor starts it again, or "npm run wick -- down" and "npm start"`,
        },
      ]);
    },
  );

  test('one that runs but does not answer is told from one that does', async () => {
    const port = await freePort();
    await occupy(join(layout.run, 'connect.pid'));
    expect(await checkServices(layout, { ...PORTS, connect: port })).toMatchObject([
      { check: 'connect', ok: false, found: `pid ${process.pid} does not answer on port ${port}` },
    ]);
    await listen(port);
    expect(await checkServices(layout, { ...PORTS, connect: port })).toEqual([
      { check: 'connect', ok: true, found: `pid ${process.pid}, port ${port}`, advice: null },
    ]);
  });
});
