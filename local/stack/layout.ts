/**
 * Where the embedded stack keeps things. In: the checkout, the user, two optional variables. Out:
 * one record of paths. As an ordinary user everything lies in `.wickstream/` of the checkout. As
 * root it lies in a world-traversable folder that `.wickstream` points to, because Postgres then
 * runs as an unprivileged user that could not enter a 0700 home.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, readlink, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { AppError } from '#core/errors.ts';

export interface StackLayout {
  /** The checkout that this stack belongs to. */
  readonly checkout: string;
  /** `.wickstream/` or what it points to. */
  readonly base: string;
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
  const base =
    options.dataDir === undefined
      ? root
        ? join('/var/lib/wickstream', hash)
        : join(checkout, '.wickstream')
      : resolve(options.dataDir);
  const cache =
    options.cacheDir ?? (root ? '/var/cache/wickstream' : join(homedir(), '.cache', 'wickstream'));
  return {
    checkout,
    base,
    data: join(base, 'data'),
    logs: join(base, 'logs'),
    run: join(base, 'run'),
    secretsFile: join(base, 'secrets.json'),
    envFile: join(base, 'stack.env'),
    engineCache: join(cache, 'engines'),
    unprivileged: root ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : null,
  };
}

/**
 * Makes the folders, and `.wickstream` as a pointer where the data lie elsewhere.
 * @throws AppError WICK_LOCAL_ENGINE_FAILED when `.wickstream` belongs to another way of running.
 */
export async function createLayout(layout: StackLayout): Promise<void> {
  for (const path of [layout.base, layout.data, layout.logs, layout.run]) {
    await mkdir(path, { recursive: true, mode: 0o755 });
  }
  const pointer = join(layout.checkout, '.wickstream');
  if (pointer === layout.base) return;
  const found = await lstat(pointer).catch(() => null);
  if (found === null) {
    await symlink(layout.base, pointer);
    return;
  }
  if (found.isSymbolicLink() && (await readlink(pointer)) === layout.base) return;
  throw new AppError(
    'WICK_LOCAL_ENGINE_FAILED',
    `"${pointer}" belongs to a stack run by another user or from another folder; run as that user, or remove it and start again`,
  );
}
