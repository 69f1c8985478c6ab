/**
 * Ends one engine session at once. In: a session with nothing running in it. The package's own close()
 * waits until no query of any session runs, and each session that waits is charged 2 MB: while one query
 * takes a minute, some hundred others used up the memory of the engine (chdb 3.4.0, measured).
 */
import { createRequire } from 'node:module';
import type { Session } from 'chdb';

/** The package does not export its binding; its file is reached as its own code does. */
const LOADER = './dist/loader.js';

interface Binding {
  readonly CloseConnection: (connection: unknown) => void;
}

let binding: Binding | undefined;

/** @throws Error when the package is not the one that this was written for. */
export function closeSession(session: Session): void {
  binding ??= loadBinding();
  const { connection } = session;
  // What close() does next finds nothing to wait for.
  session.connection = null;
  if (connection !== null && connection !== undefined) binding.CloseConnection(connection);
  session.close();
}

function loadBinding(): Binding {
  const require = createRequire(createRequire(import.meta.url).resolve('chdb'));
  const loader: unknown = require(LOADER);
  if (hasFunction(loader, 'loadNative')) {
    const native: unknown = loader.loadNative();
    if (hasFunction(native, 'CloseConnection')) return native;
  }
  throw new Error('this version of chdb has no CloseConnection where 3.4.0 has it');
}

function hasFunction<Name extends string>(
  value: unknown,
  name: Name,
): value is Record<Name, (...args: unknown[]) => unknown> {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function'
  );
}
