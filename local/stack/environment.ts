/**
 * The variables that move the embedded stack itself: its ports, folders and JAVA_HOME. They are not
 * part of the application's configuration, which must not know where it runs.
 */

/** The process environment, for the stack alone. */
export function stackEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
