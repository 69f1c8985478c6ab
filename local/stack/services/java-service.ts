/**
 * What every JVM of the embedded stack is told, so that the machine's language, time zone and folder
 * names do not show in what it does: in a Persian locale Java writes Persian digits, in the C locale
 * it cannot open a file with a Persian name.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const JAVA_ENV = { LC_ALL: 'C.UTF-8' } as const;

const JAVA_DEFAULTS = [
  '-Duser.language=en',
  '-Duser.country=US',
  '-Duser.timezone=UTC',
  '-Dfile.encoding=UTF-8',
] as const;

/** Writes the log settings into the folder. @returns the JVM's first arguments. */
export async function javaArguments(
  dataDir: string,
  level: 'ERROR' | 'WARN' | 'INFO',
): Promise<string[]> {
  const path = join(dataDir, 'log4j2.properties');
  await writeFile(
    path,
    propertiesText({
      'rootLogger.level': level,
      'rootLogger.appenderRefs': 'out',
      'rootLogger.appenderRef.out.ref': 'out',
      appenders: 'out',
      'appender.out.type': 'Console',
      'appender.out.name': 'out',
      'appender.out.layout.type': 'PatternLayout',
      'appender.out.layout.pattern': '%d{ISO8601} %-5p %c: %m%n',
    }),
  );
  return [...JAVA_DEFAULTS, `-Dlog4j2.configurationFile=${pathToFileURL(path).href}`];
}

/** A Java properties file, which is Latin-1: everything else is written as `\uXXXX`. */
export function propertiesText(properties: Readonly<Record<string, string | number>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escapeValue(String(value))}\n`)
    .join('');
}

function escapeValue(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replace(/^ /, '\\ ')
    .replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
