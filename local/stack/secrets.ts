/**
 * The stack's random passwords and ids, made once and kept in a file that only its user can read.
 * They never go to a log or a command line.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { AppError } from '#core/errors.ts';

const Secrets = Type.Object({
  dbPassword: Type.String({ minLength: 20 }),
  cdcPassword: Type.String({ minLength: 20 }),
  clickhousePassword: Type.String({ minLength: 20 }),
  redisPassword: Type.String({ minLength: 20 }),
  /** Kafka's cluster id, a base64 uuid. */
  kafkaClusterId: Type.String({ minLength: 20 }),
});
export type Secrets = Static<typeof Secrets>;

/** Reads the file, or makes it. @throws AppError WICK_CONFIG_INVALID when it is damaged. */
export async function readSecrets(path: string): Promise<Secrets> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return createSecrets(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw damaged(path, error);
  }
  if (!Value.Check(Secrets, json)) throw damaged(path);
  return json;
}

async function createSecrets(path: string): Promise<Secrets> {
  const password = (): string => randomBytes(24).toString('hex');
  const secrets: Secrets = {
    dbPassword: password(),
    cdcPassword: password(),
    clickhousePassword: password(),
    redisPassword: password(),
    kafkaClusterId: randomBytes(16).toString('base64url'),
  };
  const staging = `${path}.${process.pid}`;
  await writeFile(staging, `${JSON.stringify(secrets)}\n`, { mode: 0o600 });
  await rename(staging, path);
  return secrets;
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError(
    'WICK_CONFIG_INVALID',
    `"${path}" is damaged; the data beside it cannot be opened without it. Restore it, or remove everything with "wick reset"`,
    { cause },
  );
}
