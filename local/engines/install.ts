/**
 * Fetches the engines of the embedded stack (all but ClickHouse) through the Maven wrapper, once,
 * into a cache outside the work tree. In: pom.xml and checksums.sha256 beside this file. Out: an
 * `Engines` record of paths. Every file is compared with its checksum before the cache entry
 * appears, and it appears by one rename, so a half-finished download is never used.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  access,
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { x as extractTar } from 'tar';
import xz from 'xz-decompress';
import { AppError, errorText } from '#core/errors.ts';
import { stackEnvironment } from '../stack/environment.ts';
import { identify } from '../stack/pid-file.ts';
import { runMaven } from './maven.ts';

/** Where the engines lie after installation. */
export interface Engines {
  /** Directory with `bin/initdb`, `bin/postgres`. */
  readonly postgres: string;
  /** Class path of Kafka and Kafka Connect. */
  readonly kafkaClassPath: string;
  /** Kafka Connect's plugin.path; holds Debezium. */
  readonly connectPlugins: string;
  readonly redisServer: string;
  /** The schema registry's application. */
  readonly registry: string;
}

export interface InstallOptions {
  /** Parent of the cache entries; created when absent. */
  readonly cacheDir: string;
  /** Told about each step in words, for example `fetching engines: 37 files`. */
  readonly onProgress?: (step: string) => void;
  /** Folder of mvnw, pom.xml and checksums.sha256; tests bring their own. */
  readonly source?: string;
  /** Further variables for Maven. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

const HERE = import.meta.dirname;
const COMPLETE = 'complete';
const STAGING = '.staging-';
const ABANDONED_MS = 3_600_000;

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
 * @throws AppError WICK_LOCAL_INSTALL_FAILED when a file cannot be fetched or is not the pinned one,
 * WICK_LOCAL_FOLDER_UNUSABLE and WICK_LOCAL_DISK_FULL when the cache cannot hold it.
 */
export async function installEngines(options: InstallOptions): Promise<Engines> {
  const platform = PLATFORMS[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    throw new AppError(
      'WICK_LOCAL_INSTALL_FAILED',
      `The embedded stack has no engines for "${process.platform}-${process.arch}"; use docker compose there`,
    );
  }
  const target = await entryOf(options, platform);
  if (!(await isWhole(target, platform))) await install(target, platform, options);
  return enginesAt(target, platform);
}

/** The same for an already installed cache, or null when nothing has been installed yet. */
export async function findEngines(
  options: Pick<InstallOptions, 'cacheDir' | 'source'>,
): Promise<Engines | null> {
  const platform = PLATFORMS[`${process.platform}-${process.arch}`];
  if (platform === undefined) return null;
  const target = await entryOf(options, platform);
  return (await isWhole(target, platform)) ? enginesAt(target, platform) : null;
}

function enginesAt(target: string, platform: Platform): Engines {
  return {
    postgres: join(target, 'postgres'),
    kafkaClassPath: join(target, 'kafka', '*'),
    connectPlugins: join(target, 'connect-plugins'),
    redisServer: join(target, 'redis', `redis-server-7.0.15-${platform.redisSuffix}`),
    registry: join(target, 'registry'),
  };
}

/** The entry is named by what it holds: another pom or another checksum is another entry. */
async function entryOf(
  { cacheDir, source = HERE }: Pick<InstallOptions, 'cacheDir' | 'source'>,
  platform: Platform,
): Promise<string> {
  const hash = createHash('sha256');
  hash.update(await readFile(join(source, 'pom.xml')));
  hash.update(await readFile(join(source, 'checksums.sha256')));
  return join(cacheDir, `${platform.postgresArtifact}-${hash.digest('hex').slice(0, 16)}`);
}

/** Complete, and nobody took the engines out of it since. */
async function isWhole(target: string, platform: Platform): Promise<boolean> {
  const { postgres, kafkaClassPath, connectPlugins, redisServer, registry } = enginesAt(
    target,
    platform,
  );
  const needed = [
    join(target, COMPLETE),
    join(postgres, 'bin', 'initdb'),
    dirname(kafkaClassPath),
    connectPlugins,
    redisServer,
    registry,
  ];
  for (const path of needed) if (!(await exists(path))) return false;
  return true;
}

async function install(target: string, platform: Platform, options: InstallOptions): Promise<void> {
  const staging = `${target}${STAGING}${process.pid}`;
  try {
    await removeAbandoned(options.cacheDir);
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { recursive: true });
    await fill(staging, platform, options);
    await publish(staging, target, platform);
  } catch (error) {
    throw explain(error, options.cacheDir);
  } finally {
    // What failed first is what is told; an abandoned folder is cleared away later.
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function fill(staging: string, platform: Platform, options: InstallOptions): Promise<void> {
  const source = options.source ?? HERE;
  const onProgress = options.onProgress ?? (() => undefined);
  onProgress('fetching engines from Maven Central (about 250 MB, once)');
  await runMaven({
    source,
    out: staging,
    postgresArtifact: platform.postgresArtifact,
    spareHome: join(options.cacheDir, 'maven-home'),
    env: { ...stackEnvironment(), ...options.env },
    onProgress,
    signal: options.signal,
  });
  onProgress('verifying engines');
  await verify(staging, source);
  onProgress('unpacking Postgres');
  await unpackPostgres(join(staging, 'postgres'));
  onProgress('unpacking the schema registry');
  await unpackRegistry(join(staging, 'registry'));
  await chmod(enginesAt(staging, platform).redisServer, 0o755);
  await writeFile(join(staging, COMPLETE), '');
  options.signal?.throwIfAborted();
}

/** Two installers may race; whichever renames first wins and the other's copy is dropped. */
async function publish(staging: string, target: string, platform: Platform): Promise<void> {
  if ((await exists(target)) && !(await isWhole(target, platform))) {
    await rm(target, { recursive: true, force: true });
  }
  try {
    await rename(staging, target);
  } catch (error) {
    if (!(await isWhole(target, platform))) throw error;
  }
}

/** What a killed installer left. Its pid may live in another container, so age decides too. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  const names = await readdir(cacheDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const pid = Number(name.split(STAGING)[1]);
    if (!Number.isInteger(pid) || (await identify(pid)) !== null) continue;
    const path = join(cacheDir, name);
    const { mtimeMs } = await stat(path);
    if (performance.timeOrigin + performance.now() - mtimeMs > ABANDONED_MS)
      await rm(path, { recursive: true, force: true });
  }
}

/** What the system refuses becomes a sentence that says what to do. */
function explain(error: unknown, cacheDir: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError(
      'WICK_LOCAL_DISK_FULL',
      `The disk of "${cacheDir}" is full; free some, or set WICKSTREAM_CACHE_DIR to a folder on a larger disk`,
      { cause: error },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') {
    return new AppError(
      'WICK_LOCAL_FOLDER_UNUSABLE',
      `The engines cannot be kept in "${cacheDir}": ${errorText(error)}; set WICKSTREAM_CACHE_DIR to a folder that you can write`,
      { cause: error },
    );
  }
  return error;
}

/** Each pinned file of this platform must be there and match; every file there must be pinned. */
async function verify(root: string, source: string): Promise<void> {
  const pinned = new Map<string, string>();
  for (const line of (await readFile(join(source, 'checksums.sha256'), 'utf8'))
    .trim()
    .split('\n')) {
    const [sum = '', path = ''] = line.split(/\s+/);
    pinned.set(path, sum);
  }
  const wrong: string[] = [];
  const found = new Set<string>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(?:jar|txz|tar\.gz)$|^redis-server-/.test(entry.name)) continue;
    const path = relative(root, join(entry.parentPath, entry.name));
    found.add(path);
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
  // Postgres comes for one platform; the checksums name it for all.
  const absent = [...pinned.keys()].filter(
    (path) => !found.has(path) && !path.startsWith('postgres/'),
  );
  if (absent.length > 0) {
    throw new AppError(
      'WICK_LOCAL_INSTALL_FAILED',
      `Maven did not bring ${absent.slice(0, 3).join(', ')}${absent.length > 3 ? ` and ${absent.length - 3} more` : ''}; run the command again`,
      { retryable: true },
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

/** It comes as one archive of 311 files, which is pinned whole. */
async function unpackRegistry(directory: string): Promise<void> {
  const archive = (await readdir(directory)).find((name) => name.endsWith('.tar.gz'));
  if (archive === undefined) {
    throw new AppError('WICK_LOCAL_INSTALL_FAILED', `No schema registry in "${directory}"`);
  }
  await extractTar({ cwd: directory, file: join(directory, archive) });
  await rm(join(directory, archive));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
