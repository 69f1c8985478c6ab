/**
 * Runs the checked-in Maven wrapper on pom.xml. In: the folder that holds both, where the files are
 * to lie, a folder that may be used where the user has no home. Out: files, or one error that says
 * what Maven said. The wrapper fetches Maven itself with curl or wget and unpacks it with unzip;
 * where a base system lacks these, Maven is put in the wrapper's place from here.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { x as extractTar } from 'tar';
import { AppError, errorText } from '#core/errors.ts';

export interface MavenOptions {
  /** Folder of mvnw, .mvn and pom.xml. */
  readonly source: string;
  /** Where the engines' files go. */
  readonly out: string;
  readonly postgresArtifact: string;
  /** Used for Maven and its repository where HOME is not set or cannot be written. */
  readonly spareHome: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onProgress: (step: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const OUTPUT_LINES_MAX = 30;
const ERROR_LINES_MAX = 4;
/** Files fetched between two words of progress. */
const PROGRESS_FILES = 10;
const DOWNLOAD_TIMEOUT_MS = 300_000;

/** @throws AppError WICK_LOCAL_INSTALL_FAILED; the signal's reason when aborted. */
export async function runMaven(options: MavenOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const env = await chooseHome(options);
  await provideMaven(options, env);
  // Through sh: the file may have lost its executable bit, or lie on a disk mounted noexec.
  const child = spawn(
    'sh',
    [
      join(options.source, 'mvnw'),
      '--batch-mode',
      '--file',
      join(options.source, 'pom.xml'),
      `-Dengines.out=${options.out}`,
      `-Dpostgres.platform=${options.postgresArtifact}`,
      'process-resources',
    ],
    { cwd: options.source, stdio: ['ignore', 'pipe', 'pipe'], detached: true, env },
  );
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
  };
  options.signal?.addEventListener('abort', kill, { once: true });
  const exit = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(errorText(error)));
    child.once('close', (code, signal) => resolve(code === 0 ? null : (signal ?? `exit ${code}`)));
  });
  const output = new MavenOutput(options.onProgress);
  const [failed] = await Promise.all([exit, output.read(child.stdout), output.read(child.stderr)]);
  options.signal?.removeEventListener('abort', kill);
  options.signal?.throwIfAborted();
  if (failed === null) return;
  throw new AppError(
    'WICK_LOCAL_INSTALL_FAILED',
    `Maven could not fetch the engines (${failed}). Check the network and your Maven settings, then run the command again. It said: ${output.errors()}`,
    { retryable: true },
  );
}

/** Counts what was fetched and keeps the end of the rest. */
class MavenOutput {
  readonly #onProgress: (step: string) => void;
  readonly #tail: string[] = [];
  #fetched = 0;

  constructor(onProgress: (step: string) => void) {
    this.#onProgress = onProgress;
  }

  async read(stream: Readable): Promise<void> {
    for await (const line of createInterface({ input: stream })) {
      if (line.includes('Downloaded from')) {
        this.#fetched += 1;
        if (this.#fetched % PROGRESS_FILES === 0) {
          this.#onProgress(`fetching engines: ${this.#fetched} files`);
        }
      } else if (line.trim() !== '') {
        this.#tail.push(line);
        if (this.#tail.length > OUTPUT_LINES_MAX) this.#tail.shift();
      }
    }
  }

  errors(): string {
    const errors = this.#tail.filter((line) => /ERROR|wget|curl|cannot/i.test(line));
    return (errors.length > 0 ? errors : this.#tail).slice(0, ERROR_LINES_MAX).join(' ');
  }
}

/** A user without a usable home (a service account, a container) gets one beside the cache. */
async function chooseHome(options: MavenOptions): Promise<NodeJS.ProcessEnv> {
  const { env, spareHome } = options;
  const home = env['HOME'] ?? '';
  const usual = env['MAVEN_USER_HOME'] ?? join(home, '.m2');
  if (home !== '' && (await isWritable(usual))) return withJavaHome(env, home);
  return withJavaHome({ ...env, MAVEN_USER_HOME: join(spareHome, '.m2') }, spareHome);
}

/** Java takes the home from the user database, where a container's user may have none. */
function withJavaHome(env: MavenOptions['env'], home: string): NodeJS.ProcessEnv {
  const option = `"-Duser.home=${home.replaceAll(/["\\]/g, '\\$&')}"`;
  const others = env['JDK_JAVA_OPTIONS'];
  return {
    ...env,
    HOME: home,
    JDK_JAVA_OPTIONS: others === undefined ? option : `${others} ${option}`,
  };
}

/** Makes the folder, as Maven would: only that shows whether it can be made. */
async function isWritable(path: string): Promise<boolean> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
    return true;
  } catch {
    return false; // Whatever is wrong with it, it is not the place to use.
  }
}

/** Puts Maven where the wrapper looks for it, if the wrapper could not do so by itself. */
async function provideMaven(options: MavenOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const has = (program: string): Promise<boolean> => isOnPath(program, env['PATH'] ?? '');
  const fetches = (await has('curl')) || (await has('wget'));
  if (fetches && (await has('unzip'))) return;
  const properties = await readFile(
    join(options.source, '.mvn', 'wrapper', 'maven-wrapper.properties'),
    'utf8',
  );
  const read = (key: string): string =>
    new RegExp(`^${key}=(.*)$`, 'm').exec(properties)?.[1]?.trim() ?? '';
  const url = read('distributionUrl');
  const name = /([^/]+)-bin\.zip$/.exec(url)?.[1] ?? '';
  const userHome = env['MAVEN_USER_HOME'] ?? join(env['HOME'] ?? '', '.m2');
  const home = join(userHome, 'wrapper', 'dists', name, wrapperHash(url));
  if (await exists(home)) return;
  options.onProgress('fetching Maven');
  const archive = await download(url.replace(/\.zip$/, '.tar.gz'), options.signal);
  if (createHash('sha256').update(archive).digest('hex') !== read('tarGzSha256Sum')) {
    throw new AppError(
      'WICK_LOCAL_INSTALL_FAILED',
      `The Maven fetched from "${url}" is not the pinned one; is a proxy in the way? Nothing was kept`,
    );
  }
  await mkdir(dirname(home), { recursive: true });
  const staging = await mkdtemp(`${home}.staging-`);
  try {
    await writeFile(join(staging, 'maven.tar.gz'), archive);
    await extractTar({ cwd: staging, file: join(staging, 'maven.tar.gz') });
    await rename(join(staging, name), home).catch(async (error: unknown) => {
      if (!(await exists(home))) throw error; // Another installer was quicker.
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function download(url: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const signals = [AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS), ...(signal ? [signal] : [])];
  try {
    const response = await fetch(url, { signal: AbortSignal.any(signals) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    signal?.throwIfAborted();
    throw new AppError(
      'WICK_LOCAL_INSTALL_FAILED',
      `Maven could not be fetched from "${url}": ${errorText(error)}. Check the network, then run the command again`,
      { cause: error, retryable: true },
    );
  }
}

/** The wrapper's own name for a distribution: Java's String.hashCode of its URL, in hex. */
export function wrapperHash(url: string): string {
  let hash = 0;
  for (const character of url) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 2 ** 32;
  return hash.toString(16);
}

async function isOnPath(program: string, path: string): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    if (folder !== '' && (await exists(join(folder, program)))) return true;
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
