/** Which Wickstream this is. In: package.json of this checkout or image. Out: its version. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const PackageFile = Type.Object({ version: Type.String() });

export function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  return Value.Parse(PackageFile, JSON.parse(text)).version;
}
