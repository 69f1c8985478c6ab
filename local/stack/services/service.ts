/** What every service of the embedded stack is given: where to keep its files. */
import { join } from 'node:path';

export interface ServicePlace {
  /** Holds the service's data; made by the service when absent. */
  readonly dataDir: string;
  readonly logFile: string;
  readonly pidFile: string;
}

/** The usual places of a service below the stack's folders. */
export function servicePlace(
  folders: { readonly data: string; readonly logs: string; readonly run: string },
  name: string,
): ServicePlace {
  return {
    dataDir: join(folders.data, name),
    logFile: join(folders.logs, `${name}.log`),
    pidFile: join(folders.run, `${name}.pid`),
  };
}

/** The JVM that runs Kafka: JAVA_HOME's where set, else the one on PATH. */
export function javaCommand(env: Readonly<Record<string, string | undefined>>): string {
  const home = env['JAVA_HOME'];
  return home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
}
