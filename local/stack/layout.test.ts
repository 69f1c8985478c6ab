import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  assertTraversable,
  createLayout,
  removeLayout,
  resolveLayout,
  type StackLayout,
} from './layout.ts';

let folder = '';
let checkout = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-layout-'));
  await chmod(folder, 0o755);
  checkout = join(folder, 'a checkout');
  await mkdir(checkout);
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** The layout of a user's checkout: everything in `.wickstream`. */
function own(): StackLayout {
  return at(join(checkout, '.wickstream'), join(checkout, '.wickstream'));
}

/** The layout that root has: data elsewhere, `.wickstream` points there. */
function pointed(): StackLayout {
  return at(join(folder, 'var', 'stack'), join(checkout, '.wickstream'));
}

function at(base: string, pointer: string): StackLayout {
  return { ...resolveLayout({ checkout, dataDir: base }), pointer };
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

describe('where things lie', () => {
  test('an ordinary user has them in the checkout, and the engines in the home directory', () => {
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    vi.stubEnv('HOME', '/srv/me');
    const layout = resolveLayout({ checkout });
    expect(layout.base).toBe(join(checkout, '.wickstream'));
    expect(layout.engineCache).toBe('/srv/me/.cache/wickstream/engines');
    expect(layout.unprivileged).toBeNull();
  });

  test('root has them where everyone may pass, one folder for each checkout', () => {
    vi.spyOn(process, 'getuid').mockReturnValue(0);
    const layout = resolveLayout({ checkout });
    expect(layout.base).toMatch(/^\/var\/lib\/wickstream\/[0-9a-f]{12}$/);
    expect(layout.pointer).toBe(join(checkout, '.wickstream'));
    expect(resolveLayout({ checkout: `${checkout}2` }).base).not.toBe(layout.base);
    expect(layout.unprivileged).toEqual({ uid: 65_534, gid: 65_534 });
  });

  test('a folder that is named has no pointer, and an empty name is no name', () => {
    const named = resolveLayout({ checkout, dataDir: join(folder, 'data') });
    expect(named).toMatchObject({ base: join(folder, 'data'), pointer: null });
    expect(resolveLayout({ checkout, dataDir: '' }).pointer).toBe(join(checkout, '.wickstream'));
  });

  test('a user without a home directory is told which variables help', () => {
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    vi.stubEnv('HOME', '');
    expect(() => resolveLayout({ checkout })).toThrow(
      'There is no home directory to cache the engines in; set HOME, or WICKSTREAM_CACHE_DIR',
    );
    expect(resolveLayout({ checkout, cacheDir: '/srv/cache' }).engineCache).toBe(
      '/srv/cache/engines',
    );
  });
});

describe('making it', () => {
  test('logs and pid files are for the user alone, data only to pass through', async () => {
    const layout = own();
    await createLayout(layout);
    const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect(await mode(layout.logs)).toBe(0o700);
    expect(await mode(layout.run)).toBe(0o700);
    expect((await mode(layout.data)) & 0o066).toBe(0);
  });

  test('is the same the second time', async () => {
    await createLayout(pointed());
    await createLayout(pointed());
    expect(await readlink(join(checkout, '.wickstream'))).toBe(pointed().base);
  });

  test('a .wickstream of another way of running is refused', async () => {
    const refusal =
      /belongs to a stack run by another user or from another folder; run as that user, or remove it/;
    await createLayout(own());
    await expect(createLayout(pointed())).rejects.toThrow(refusal);
    await rm(join(checkout, '.wickstream'), { recursive: true });
    await createLayout(pointed());
    await expect(createLayout(own())).rejects.toThrow(refusal);
    expect(await exists(join(pointed().base, 'data'))).toBe(true);
  });

  test('a .wickstream that points nowhere or elsewhere is refused', async () => {
    await symlink(join(folder, 'moved'), join(checkout, '.wickstream'));
    await expect(createLayout(pointed())).rejects.toMatchObject({
      code: 'WICK_LOCAL_FOLDER_UNUSABLE',
    });
    expect(await exists(join(folder, 'moved'))).toBe(false);
  });

  test('a folder of another user is refused by its owner', async () => {
    await createLayout(own());
    const { uid } = await stat(own().base);
    vi.spyOn(process, 'getuid').mockReturnValue(uid + 1);
    await expect(createLayout(own())).rejects.toThrow(
      `belongs to the user with id ${uid}, this is ${uid + 1}; run as that user`,
    );
  });

  test('a folder that holds something else is refused and left as it is', async () => {
    const photos = join(folder, 'photos');
    await mkdir(join(photos, 'data'), { recursive: true });
    await writeFile(join(photos, 'data', 'me.jpg'), '');
    const layout = resolveLayout({ checkout, dataDir: photos });
    await expect(createLayout(layout)).rejects.toThrow(
      `"${photos}" holds files that are not Wickstream's (data); set WICKSTREAM_DATA_DIR to an empty or new folder`,
    );
    await expect(removeLayout(layout)).rejects.toMatchObject({
      code: 'WICK_LOCAL_FOLDER_UNUSABLE',
    });
    expect(await readdir(photos, { recursive: true })).toEqual(['data', 'data/me.jpg']);
  });

  test('a file where the folder should be is named', async () => {
    await writeFile(join(checkout, '.wickstream'), '');
    const layout = resolveLayout({ checkout, dataDir: join(checkout, '.wickstream') });
    await expect(createLayout(layout)).rejects.toThrow('is not a folder; remove it');
    const below = resolveLayout({ checkout, dataDir: join(checkout, '.wickstream', 'data') });
    await expect(createLayout(below)).rejects.toMatchObject({ code: 'WICK_LOCAL_FOLDER_UNUSABLE' });
  });

  test.each(['a,b', 'a:b'])(
    'a folder "%s", whose name Java cannot take, is refused',
    async (name) => {
      const layout = resolveLayout({ checkout, dataDir: join(folder, name) });
      await expect(createLayout(layout)).rejects.toThrow('holds a comma or a colon');
      expect(await exists(layout.base)).toBe(false);
    },
  );

  test('a closed folder above Postgres’ data is named to root', async () => {
    const closed = join(folder, 'home');
    await mkdir(join(closed, 'clone'), { recursive: true });
    await chmod(closed, 0o700);
    await expect(assertTraversable(join(closed, 'clone'), 'WICKSTREAM_DATA_DIR')).rejects.toThrow(
      `As root, Postgres runs as user 65534, which may not enter "${closed}"; set WICKSTREAM_DATA_DIR to a folder that everyone may enter`,
    );
    await chmod(closed, 0o711);
    await assertTraversable(join(closed, 'clone'), 'WICKSTREAM_DATA_DIR');
  });
});

describe('removing it', () => {
  test('takes what a stack made, and the folder with it', async () => {
    const layout = pointed();
    await createLayout(layout);
    const torn = `${layout.envFile}.4711`;
    for (const path of [layout.secretsFile, layout.envFile, torn, join(layout.data, 'x')]) {
      await writeFile(path, '');
    }
    await removeLayout(layout);
    expect(await exists(layout.base)).toBe(false);
    expect(await exists(join(checkout, '.wickstream'))).toBe(false);
  });

  test('leaves what others put there since', async () => {
    const layout = resolveLayout({ checkout, dataDir: join(folder, 'data') });
    await createLayout(layout);
    await writeFile(join(layout.base, 'notes.txt'), 'mine');
    await removeLayout(layout);
    expect(await readdir(layout.base)).toEqual(['notes.txt', 'wickstream-stack']);
    await createLayout(layout);
    expect(await readdir(layout.base)).toContain('notes.txt');
  });

  test('does nothing where there is nothing', async () => {
    await removeLayout(own());
    expect(await readdir(checkout)).toEqual([]);
  });
});
