/**
 * What no linter knows: headers, length, banned calls with what to write instead, provenance of
 * fixtures, documents that name what exists, and that the layer rules saw the whole tree. In: the
 * checkout as text. It changes nothing and starts no engine.
 */
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cruise, type Cruise } from './support/modules.ts';
import { banned, filesBelow, readSources, type Ban, type SourceFile } from './support/sources.ts';

const ROOT = join(import.meta.dirname, '..');
const LINES_MAX = 400;
const HEADER_CHARACTERS_MIN = 30;

const PATHS = filesBelow(ROOT);
const CODE = readSources(
  ROOT,
  PATHS.filter((path) => /\.(ts|cjs|mjs)$/.test(path)),
);
/** Code and everything else that is written by hand, fixtures apart. */
const TEXTS = readSources(
  ROOT,
  PATHS.filter(
    (path) =>
      /(^|\/)(\.?[A-Za-z-]+|[^/]+\.(ts|cjs|mjs|json|md|yml|sql|py|sh|xml|cmd|properties))$/.test(
        path,
      ) &&
      !/\/(fixtures|recordings)[^/]*\//.test(path) &&
      path !== 'package-lock.json',
  ),
);

/** May tell the time and roll dice: they are the edge, or they are tests. */
const EDGE = /^(platform|local|bench|tests)\/|\.test\.ts$/;
const TEST = /\.test\.ts$|^tests\//;
const NOBODY = /^$/;

const BANS: readonly Ban[] = [
  { pattern: /\bDate\.now\(/, instead: 'the injected Clock', except: EDGE },
  { pattern: /\bnew Date\(\)/, instead: 'the injected Clock', except: EDGE },
  { pattern: /\bMath\.random\(/, instead: 'a seed, or randomBytes at the edge', except: EDGE },
  {
    pattern: /\bprocess\.env\b/,
    instead: 'loadConfig of platform/config.ts',
    except:
      /^(platform\/config\.ts|local\/stack\/.*|scripts\/wick\.ts|vitest\.config\.ts)$|\.test\.ts$|^(tests|bench)\//,
  },
  { pattern: /\bparseFloat\(/, instead: 'toFloat of core/decimal.ts', except: TEST },
  {
    pattern: /\bcatch( \(\w+\))? \{\s*\}/,
    instead: 'a catch that says what becomes of the error',
    except: NOBODY,
  },
  { pattern: /@ts-(ignore|nocheck)/, instead: 'a type that fits', except: NOBODY },
  { pattern: /\b(test|describe|it)\.(only|todo)\(/, instead: 'a test that runs', except: NOBODY },
  {
    pattern: /(oxlint|eslint)-disable(?!.*-- \S)/,
    instead: 'the rule, or "-- reason" after it',
    except: NOBODY,
  },
];

let graph: Cruise;

beforeAll(async () => {
  graph = await cruise(ROOT, ROOT);
});

describe('the layer rules', () => {
  test('saw every module', () => {
    const cruised = new Set(graph.modules.map(({ source }) => source));
    const unseen = CODE.map(({ path }) => path).filter((path) => !cruised.has(path));
    expect(unseen).toEqual([]);
    expect(graph.summary.totalCruised).toBeGreaterThan(200);
  });

  test('saw through the subpath imports', () => {
    const imported = graph.modules.flatMap(({ dependencies }) => dependencies);
    expect(imported.filter(({ resolved }) => resolved.startsWith('core/')).length).toBeGreaterThan(
      100,
    );
    expect(imported.filter(({ resolved }) => resolved.startsWith('#'))).toEqual([]);
  });
});

describe('a source file', () => {
  test('opens with a comment that says what it is for', () => {
    const without = CODE.filter(({ lines }) => headerOf(lines).length < HEADER_CHARACTERS_MIN);
    // A test beside its subject is explained by the subject's.
    const alone = without
      .map(({ path }) => path)
      .filter((path) => {
        const subject = path.replace(/(\.int)?\.test\.ts$/, '.ts');
        return subject === path || !PATHS.includes(subject);
      });
    expect(alone).toEqual([]);
  });

  test(`has at most ${LINES_MAX} lines`, () => {
    const long = CODE.filter(({ lines }) => lines.length - 1 > LINES_MAX);
    expect(long.map(({ path, lines }) => `${path}: ${lines.length - 1}`)).toEqual([]);
  });

  test('is named after one thing, in kebab-case', () => {
    const odd = CODE.map(({ path }) => path).filter(
      (path) =>
        !/^\.?[a-z0-9]+([.-][a-z0-9]+)*\.(ts|cjs|mjs)$/.test(basename(path)) ||
        /(^|\/)(utils?|helpers?|types|common|misc)\.ts$/.test(path),
    );
    expect(odd).toEqual([]);
  });

  test('is no barrel, unless it is the edge of a stage', () => {
    const barrels = CODE.map(({ path }) => path).filter((path) => basename(path) === 'index.ts');
    const edges = /^(etl|connectors|analyzer|proof)\/index\.ts$/;
    expect(barrels.filter((path) => !edges.test(path))).toEqual([]);
  });

  test('calls nothing that is banned', () => {
    expect(banned(CODE, BANS)).toEqual([]);
  });

  test('explains what it exports, in core, features and signals', () => {
    const files = CODE.filter(
      ({ path }) => /^(core|analyzer\/(features|signals))\//.test(path) && !TEST.test(path),
    );
    expect(files.flatMap(undocumentedExports)).toEqual([]);
  });
});

describe('a file', () => {
  test('belongs to no one machine', () => {
    const foreign = /(^|[^\w.])(\/work\/|\/home\/\w|\/Users\/\w|\/root\/|\.\.\/shared\b)/;
    expect(linesThat(TEXTS, foreign)).toEqual([]);
  });

  test('leaves nothing to be done', () => {
    // Put together here, or this file would be one of those it looks for.
    const words = [
      ['TO', 'DO'],
      ['FIX', 'ME'],
      ['X', 'XX'],
    ].map((parts) => parts.join(''));
    const left = new RegExp(`\\b(${words.join('|')})\\b`);
    expect(linesThat(TEXTS, left)).toEqual([]);
  });

  test('ends its lines in one way', () => {
    const windows = TEXTS.filter(({ path }) => !path.endsWith('.cmd'));
    expect(linesThat(windows, /\r$/)).toEqual([]);
  });

  test('that a shell runs may be run', () => {
    for (const path of ['.ci/run', 'local/engines/mvnw']) {
      expect(statSync(join(ROOT, path)).mode & 0o111, path).toBe(0o111);
    }
  });
});

test('a folder of captured data says where it is from', () => {
  const folders = PATHS.flatMap((path) => {
    const folder = /^(.*\/(?:fixtures|recordings)[^/]*)\//.exec(path)?.[1];
    return folder === undefined ? [] : [folder];
  });
  const silent = [...new Set(folders)].filter(
    (folder) =>
      !PATHS.includes(`${folder}/SOURCES.md`) && !PATHS.includes(`${folder}/PROVENANCE.md`),
  );
  expect(folders.length).toBeGreaterThan(0);
  expect(silent).toEqual([]);
});

describe('the ban list', () => {
  const ban: Ban = { pattern: /\bDate\.now\(/, instead: 'the Clock', except: EDGE };
  const check = (path: string, lines: string[], expected: string[]): void => {
    expect(banned([{ path, lines }], [ban])).toEqual(expected);
  };

  test('names file, line and what to use', () => {
    check('etl/a.ts', ['', 'const t = Date.now();'], ['etl/a.ts:2: "Date.now(", use the Clock']);
  });

  test('knows the edge and comments', () => {
    check('platform/clock.ts', ['Date.now()'], []);
    check('etl/a.ts', ['// Date.now() is not for us', ' * nor Date.now() here'], []);
  });

  test('takes a reason, and no excuse without one', () => {
    check('etl/a.ts', ['Date.now(); // tidy-ok: shown to a person only'], []);
    check('etl/a.ts', ['// tidy-ok: shown to a person only', 'Date.now();'], []);
    check('etl/a.ts', ['Date.now(); // tidy-ok:'], ['etl/a.ts:1: "Date.now(", use the Clock']);
  });
});

/** The text of the comment that a file begins with. */
function headerOf(lines: readonly string[]): string {
  const text = lines.join('\n').replace(/^#!.*\n/, '');
  return (
    /^(?:\/\*\*([\s\S]*?)\*\/|((?:\/\/.*\n)+))/.exec(text)?.[0].replaceAll(/[\s/*]+/g, ' ') ?? ''
  );
}

/** Exports without a comment above them or above the block of lines that they stand in. */
function undocumentedExports({ path, lines }: SourceFile): string[] {
  const exports = lines.flatMap((line, index) => {
    const kind =
      /^export (?:abstract )?(?:async )?(?:function\*?|const|class|interface|type) (\w+)/;
    const name = kind.exec(line)?.[1];
    return name === undefined ? [] : [{ name, index }];
  });
  // The header of a file with one export explains that one.
  if (exports.length === 1) return [];
  return exports
    .filter(({ index }) => {
      const block = lines.slice(lines.lastIndexOf('', index) + 1, index);
      return !block.some((line) => line.trimEnd().endsWith('*/'));
    })
    .map(({ name, index }) => `${path}:${index + 1}: ${name}`);
}

function linesThat(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) =>
      pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
    ),
  );
}
