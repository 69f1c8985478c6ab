import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assertDisk, assertJava, assertUser, diskFreeMib, memoryFreeMib } from './preflight.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-preflight-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A JAVA_HOME whose `java` is this script. */
async function javaHome(script: string): Promise<{ JAVA_HOME: string }> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin', 'java'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { JAVA_HOME: folder };
}

const prints = (line: string): string => `cat >&2 <<'END'\n${line}\nOpenJDK Runtime\nEND`;

describe('Java', () => {
  test.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "21" 2023-09-19 LTS', 21],
    ['Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25-ea"', 25],
  ])('%s will do', async (line, major) => {
    expect(await assertJava(await javaHome(prints(line)))).toBe(major);
  });

  test.each([
    ['java version "1.8.0_402"', 8],
    ['openjdk version "11.0.22" 2024-01-16', 11],
    ['openjdk version "16.0.2"', 16],
  ])('%s is too old', async (line, major) => {
    await expect(assertJava(await javaHome(prints(line)))).rejects.toMatchObject({
      code: 'WICK_LOCAL_JAVA_MISSING',
      message: `Kafka and Debezium need Java 17 or newer, but "${join(folder, 'bin', 'java')}" is version ${major}. Install one (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME`,
    });
  });

  test.each([
    ['is not there', null],
    ['fails', 'echo "Unable to locate a Java Runtime." >&2; exit 1'],
    ['says nothing that is understood', 'echo hello'],
  ])('one that %s does not run', async (_, script) => {
    const env = script === null ? { JAVA_HOME: join(folder, 'absent') } : await javaHome(script);
    await expect(assertJava(env)).rejects.toThrow('does not run. Install one');
  });
});

test('a user without a name, as containers may have, is told what to do', () => {
  assertUser();
  const unknown = (): string => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  expect(() => assertUser(unknown)).toThrow(
    /^Postgres runs only for a user that the system knows, and user id \d+ has no entry in the user database; add one \(useradd\) or run as another user$/,
  );
});

describe('the disk', () => {
  test('is measured where the folder will be made', async () => {
    const here = await diskFreeMib(folder);
    const there = await diskFreeMib(join(folder, 'not', 'yet', 'there'));
    expect(Math.abs(here - there)).toBeLessThan(1_024);
    expect(here).toBeGreaterThan(0);
  });

  test('too full is one sentence with what to do', async () => {
    const wanted = Number.MAX_SAFE_INTEGER;
    await expect(assertDisk(folder, wanted)).rejects.toMatchObject({
      code: 'WICK_LOCAL_DISK_FULL',
      message: expect.stringMatching(
        new RegExp(
          `^Only \\d+ MiB are free where "${folder}" lies, the stack wants ${wanted}; free some, or set WICKSTREAM_DATA_DIR to a folder on a larger disk$`,
        ),
      ),
    });
  });

  test('of the engines names its own variable', async () => {
    await expect(
      assertDisk(folder, Number.MAX_SAFE_INTEGER, 'WICKSTREAM_CACHE_DIR'),
    ).rejects.toThrow('set WICKSTREAM_CACHE_DIR to');
  });

  test('with room enough is fine', async () => {
    await assertDisk(folder, 1);
  });
});

test('memory is what programs could take now', () => {
  expect(memoryFreeMib()).toBeGreaterThan(0);
});
