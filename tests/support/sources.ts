/**
 * The files of the checkout that people wrote, for tests that judge them as text. Out: paths relative
 * to the checkout, without what is installed, generated, recorded or ignored.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const NOT_OURS = new Set([
  '.git',
  '.wickstream',
  '.wickstream-ci',
  'coverage',
  'node_modules',
  'reports',
]);

/** Every file below a folder; what Git ignores is named above. */
export function filesBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.has(entry.name) || path === '.env' || path.endsWith('.log')) return [];
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}

export interface SourceFile {
  readonly path: string;
  readonly lines: readonly string[];
}

/** The text of files, by line. */
export function readSources(root: string, paths: readonly string[]): SourceFile[] {
  return paths.map((path) => ({
    path,
    lines: readFileSync(join(root, path), 'utf8').split('\n'),
  }));
}

export interface Ban {
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly instead: string;
  /** Paths that may do it. */
  readonly except: RegExp;
}

const ESCAPE = /tidy-ok: \S.{9,}/;

/**
 * Where files do what they may not, as `path:line: what, use instead`. A line is excused by
 * `// tidy-ok: reason` on it or on the line above. Comments are not code.
 */
export function banned(files: readonly SourceFile[], bans: readonly Ban[]): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      if (/^\s*(\*|\/\/|\/\*)/.test(line)) return [];
      if (ESCAPE.test(line) || ESCAPE.test(lines[index - 1] ?? '')) return [];
      return bans
        .filter(({ pattern, except }) => pattern.test(line) && !except.test(path))
        .map(({ pattern, instead }) => {
          const what = pattern.exec(line)?.[0].trim() ?? '';
          return `${path}:${index + 1}: "${what}", use ${instead}`;
        });
    }),
  );
}
