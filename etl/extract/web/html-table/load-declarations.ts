/**
 * The folder of declared web sources. In: a folder. Out: the declarations of its `.json` files, all
 * checked. One broken file is an error even where another one is wanted: a source that silently is
 * not there is worse. A folder that does not exist holds none.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { AppError } from '#core/errors.ts';
import { parseDeclaration, type Declaration } from './declaration.ts';

const PROJECT = join(import.meta.dirname, '..', '..', '..', '..');
const FILES_MAX = 500;

/**
 * @param folder absolute, or beside package.json.
 * @param taken ids that are somebody else's.
 * @returns the enabled ones, by name of file.
 * @throws AppError WICK_ETL_SOURCE_INVALID that names file and field.
 */
export function loadDeclarations(folder: string, taken: readonly string[]): readonly Declaration[] {
  const path = isAbsolute(folder) ? folder : join(PROJECT, folder);
  if (!existsSync(path)) return [];
  const files = readdirSync(path)
    .filter((name) => name.endsWith('.json'))
    .sort();
  if (files.length > FILES_MAX) throw invalid(path, `it holds more than ${FILES_MAX} files`);
  const owners = new Map(taken.map((id) => [id, 'a built-in venue']));
  const declarations: Declaration[] = [];
  for (const name of files) {
    const file = join(folder, name);
    const declaration = parseDeclaration(readFileSync(join(path, name), 'utf8'), file);
    const owner = owners.get(declaration.id);
    if (owner !== undefined) {
      throw invalid(file, `"id" is "${declaration.id}", which is ${owner}; choose another`);
    }
    owners.set(declaration.id, `that of "${file}"`);
    if (declaration.enabled ?? true) declarations.push(declaration);
  }
  return declarations;
}

function invalid(file: string, what: string): AppError {
  return new AppError(
    'WICK_ETL_SOURCE_INVALID',
    `the web source "${file}" cannot be used: ${what}`,
    { details: { file } },
  );
}
