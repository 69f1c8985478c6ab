/**
 * Where the embedded stack keeps things. In: the checkout, the user, two optional variables. Out:
 * one record of paths. As an ordinary user everything lies in `.wickstream/` of the checkout. As
 * root it lies in a world-traversable folder that `.wickstream` points to, because Postgres then
 * runs as an unprivileged user that could not enter a 0700 home. A folder named by
 * WICKSTREAM_DATA_DIR has no pointer, so a checkout can run several stacks. Nothing that is not ours
 * is ever written to or removed.
 */
import { createHash } from 'node:crypto';
import {
  lstat,
  mkdir,
  readdir,
  readlink,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { AppError, errorText } from '#core/errors.ts';

export interface StackLayout {
  /** The checkout that this stack belongs to. */
  readonly checkout: string;
  /** `.wickstream/` or what it points to. */
  readonly base: string;
  /** `.wickstream` of the checkout; null where WICKSTREAM_DATA_DIR names the folder. */
  readonly pointer: string | null;
  /** Parent of the services' data directories. */
  readonly data: string;
  readonly logs: string;
  /** Pid files. */
  readonly run: string;
  /** Random passwords and ids, mode 0600. */
  readonly secretsFile: string;
  /** The settings that later commands read, mode 0600. */
  readonly envFile: string;
  /** Cache of downloaded engines, shared by checkouts. */
  readonly engineCache: string;
  /** The user that Postgres runs as, where we are root. */
  readonly unprivileged: { readonly uid: number; readonly gid: number } | null;
}

/** `nobody` on every Linux we know. */
const UNPRIVILEGED_ID = 65_534;
/** Tells our folder from one that was there before. */
const MARKER = 'wickstream-stack';
/** With what a process that was killed while writing one may have left beside it. */
const OWN_FILES = /^(?:(?:secrets|venue-clock|recordings)\.json|stack\.env)(?:\.\w+)?$/;

export interface LayoutOptions {
  readonly checkout: string;
  /** Overrides the data folder (WICKSTREAM_DATA_DIR). */
  readonly dataDir?: string | undefined;
  /** Overrides the engine cache (WICKSTREAM_CACHE_DIR). */
  readonly cacheDir?: string | undefined;
}

/** Resolves the paths; creates nothing. */
export function resolveLayout(options: LayoutOptions): StackLayout {
  const root = process.getuid?.() === 0;
  const checkout = resolve(options.checkout);
  const hash = createHash('sha256').update(checkout).digest('hex').slice(0, 12);
  const dataDir = options.dataDir ?? '';
  const usual = root ? join('/var/lib/wickstream', hash) : join(checkout, '.wickstream');
  const base = dataDir === '' ? usual : resolve(dataDir);
  return {
    checkout,
    base,
    pointer: dataDir === '' ? join(checkout, '.wickstream') : null,
    data: join(base, 'data'),
    logs: join(base, 'logs'),
    run: join(base, 'run'),
    secretsFile: join(base, 'secrets.json'),
    envFile: join(base, 'stack.env'),
    engineCache: join(cacheFolder(options.cacheDir ?? '', root), 'engines'),
    unprivileged: root ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : null,
  };
}

function cacheFolder(override: string, root: boolean): string {
  if (override !== '') return resolve(override);
  if (root) return '/var/cache/wickstream';
  let home = '';
  let cause: unknown;
  try {
    home = homedir();
  } catch (error) {
    cause = error; // No HOME, and a user that the system does not know.
  }
  if (home !== '') return join(home, '.cache', 'wickstream');
  throw unusable(
    'There is no home directory to cache the engines in; set HOME, or WICKSTREAM_CACHE_DIR to a folder that you can write',
    cause,
  );
}

/**
 * Makes the folders, and `.wickstream` as a pointer where the data lie elsewhere.
 * @throws AppError WICK_LOCAL_FOLDER_UNUSABLE when the place belongs to someone or something else.
 */
export async function createLayout(layout: StackLayout): Promise<void> {
  await assertLayout(layout);
  try {
    // Others may pass through to Postgres' data, and read nothing on the way.
    for (const path of [layout.base, layout.data]) {
      await mkdir(path, { recursive: true, mode: 0o711 });
    }
    for (const path of [layout.logs, layout.run]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
    }
    await writeFile(join(layout.base, MARKER), `${layout.checkout}\n`);
  } catch (error) {
    throw unusable(
      `"${layout.base}" cannot be written: ${errorText(error)}; make it writable for this user or set WICKSTREAM_DATA_DIR to a folder that is`,
      error,
    );
  }
  if (layout.unprivileged !== null) await assertTraversable(layout.data, 'WICKSTREAM_DATA_DIR');
  if (layout.pointer === null || layout.pointer === layout.base) return;
  if ((await kindOf(layout.pointer)) !== 'absent') return;
  try {
    await symlink(layout.base, layout.pointer);
  } catch (error) {
    throw unusable(
      `"${layout.pointer}" cannot be made to point to "${layout.base}": ${errorText(error)}; make the checkout writable or set WICKSTREAM_DATA_DIR`,
      error,
    );
  }
}

/**
 * Removes what a stack made below its folder, and the folder itself when nothing else is in it.
 * @throws AppError WICK_LOCAL_FOLDER_UNUSABLE when the folder holds something but never held a stack.
 */
export async function removeLayout(layout: StackLayout): Promise<void> {
  await assertLayout(layout);
  const { base, pointer } = layout;
  for (const path of [layout.data, layout.logs, layout.run]) {
    await rm(path, { recursive: true, force: true });
  }
  const names = await readdir(base).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  for (const name of names ?? []) {
    if (OWN_FILES.test(name)) await rm(join(base, name));
  }
  // With something of someone else's in it the folder stays, and stays ours.
  if (names?.every((name) => name === MARKER || OWN_FILES.test(name)) === true) {
    await rm(join(base, MARKER), { force: true });
    await rmdir(base);
  }
  if (pointer !== null && pointer !== base) await rm(pointer, { force: true });
}

/**
 * Looks at the place without touching it.
 * @throws AppError WICK_LOCAL_FOLDER_UNUSABLE when it belongs to someone or something else.
 */
export async function assertLayout(layout: StackLayout): Promise<void> {
  for (const path of [layout.base, layout.engineCache]) {
    // Java separates folders with them, and knows no way to write one that holds them.
    if (!/[,:\n]/.test(path)) continue;
    throw unusable(
      `"${path}" holds a comma or a colon, which Kafka cannot take; set WICKSTREAM_DATA_DIR and WICKSTREAM_CACHE_DIR to folders without`,
    );
  }
  await assertPointer(layout);
  await assertOurs(layout);
}

/** `.wickstream` must be ours: a folder for a user, a symbolic link to our folder for root. */
async function assertPointer({ pointer, base }: StackLayout): Promise<void> {
  if (pointer === null) return;
  const found = await kindOf(pointer);
  if (found === 'absent') return;
  const fits =
    pointer === base
      ? found === 'folder'
      : found === 'link' && resolve(dirname(pointer), await readlink(pointer)) === base;
  if (fits) return;
  throw unusable(
    `"${pointer}" belongs to a stack run by another user or from another folder; run as that user, or remove it and start again`,
  );
}

/** Nothing of someone else's is written to or, on reset, removed. */
async function assertOurs({ base }: StackLayout): Promise<void> {
  const found = await stat(base).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw unusable(`"${base}" cannot be entered: ${errorText(error)}`, error);
  });
  if (found === null) return;
  if (!found.isDirectory()) throw unusable(`"${base}" is not a folder; remove it and start again`);
  const uid = process.getuid?.() ?? found.uid;
  if (found.uid !== uid) {
    throw unusable(
      `"${base}" belongs to the user with id ${found.uid}, this is ${uid}; run as that user or set WICKSTREAM_DATA_DIR to another folder`,
    );
  }
  const entries = await readdir(base);
  if (entries.length === 0 || entries.includes(MARKER) || entries.includes('secrets.json')) return;
  throw unusable(
    `"${base}" holds files that are not Wickstream's (${entries.slice(0, 3).join(', ')}); set WICKSTREAM_DATA_DIR to an empty or new folder`,
  );
}

/**
 * As root, Postgres runs as another user: every folder above its files must let that user in.
 * @throws AppError WICK_LOCAL_FOLDER_UNUSABLE naming the closed folder.
 */
export async function assertTraversable(path: string, variable: string): Promise<void> {
  for (let folder = resolve(path); folder !== dirname(folder); folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) !== 0) continue;
    throw unusable(
      `As root, Postgres runs as user ${UNPRIVILEGED_ID}, which may not enter "${folder}"; set ${variable} to a folder that everyone may enter`,
    );
  }
}

async function kindOf(path: string): Promise<'absent' | 'folder' | 'link' | 'other'> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw unusable(`"${path}" cannot be looked at: ${errorText(error)}`, error);
  });
  if (found === null) return 'absent';
  if (found.isSymbolicLink()) return 'link';
  return found.isDirectory() ? 'folder' : 'other';
}

function unusable(message: string, cause?: unknown): AppError {
  return new AppError('WICK_LOCAL_FOLDER_UNUSABLE', message, { cause });
}
