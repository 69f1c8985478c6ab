/**
 * The import graph of the repository, as dependency-cruiser sees it with the layer rules. Out: one
 * record a module, what it imports, and how the run judged it. Paths are relative to the checkout.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

const BYTES_MAX = 64 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

const CRUISE = Type.Object({
  modules: Type.Array(
    Type.Object({
      source: Type.String(),
      dependencies: Type.Array(
        Type.Object({
          resolved: Type.String(),
          dynamic: Type.Boolean(),
          dependencyTypes: Type.Array(Type.String()),
        }),
      ),
    }),
  ),
  summary: Type.Object({
    totalCruised: Type.Integer(),
    error: Type.Integer(),
    violations: Type.Array(
      Type.Object({
        from: Type.String(),
        to: Type.String(),
        rule: Type.Object({ name: Type.String() }),
      }),
    ),
  }),
});

const OUTPUT = Type.Object({ stdout: Type.String(), stderr: Type.String() });

export type Cruise = Static<typeof CRUISE>;

/** Runs dependency-cruiser in a folder with the rules of this checkout. */
export async function cruise(folder: string, root: string): Promise<Cruise> {
  const program = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');
  const rules = join(root, '.dependency-cruiser.cjs');
  const run = await promisify(execFile)(
    process.execPath,
    [program, '--config', rules, '--output-type', 'json', '.'],
    { cwd: folder, maxBuffer: BYTES_MAX, timeout: TIMEOUT_MS },
    // Its exit status counts violations; what it found is in what it prints.
  ).catch((error: unknown) => Value.Parse(OUTPUT, error));
  if (run.stdout === '') throw new Error(`dependency-cruiser could not run: ${run.stderr}`);
  return Value.Parse(CRUISE, JSON.parse(run.stdout));
}
