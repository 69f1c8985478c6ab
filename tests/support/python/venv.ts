/**
 * A Python with the pinned clients of `requirements.txt`, for tests that run them. In: nothing. Out: the path of an
 * interpreter in a fresh temporary environment, and its removal. Needs Python ≥ 3.10 with venv and a package index;
 * without them it fails with one sentence, since a test that skips in silence proves nothing.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface PythonEnvironment {
  readonly python: string;
  remove(): void;
}

const INSTALL_MS = 150_000;
const run = promisify(execFile);

/** @throws Error that says what is missing. */
export async function createPythonEnvironment(): Promise<PythonEnvironment> {
  const dir = mkdtempSync(join(tmpdir(), 'wickstream-python-'));
  const python = join(dir, 'bin', 'python');
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  const requirements = join(import.meta.dirname, 'requirements.txt');
  try {
    await run('python3', ['-c', 'import sys; assert sys.version_info >= (3, 10), sys.version']);
    await run('python3', ['-m', 'venv', dir]);
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
    await run(python, [...install, '-r', requirements], { timeout: INSTALL_MS });
  } catch (error) {
    remove();
    throw new Error(
      'This test needs Python 3.10 or newer as "python3" with its venv module (Debian: apt install python3-venv) and a package index that pip can reach',
      { cause: error },
    );
  }
  return { python, remove };
}
