/**
 * The stack's random passwords and ids, made once and kept in a file that only its user can read.
 * They never go to a log or a command line.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { AppError, errorText } from '#core/errors.ts';

const Secrets = Type.Object({
  dbPassword: Type.String({ minLength: 20 }),
  cdcPassword: Type.String({ minLength: 20 }),
  clickhousePassword: Type.String({ minLength: 20 }),
  redisPassword: Type.String({ minLength: 20 }),
  /** Kafka's cluster id, a base64 uuid. */
  kafkaClusterId: Type.String({ minLength: 20 }),
});
export type Secrets = Static<typeof Secrets>;

/**
 * Reads the file, or makes it where there are no data yet.
 * @throws AppError WICK_LOCAL_SECRETS_DAMAGED when it is damaged, or gone while its data are there:
 * new passwords would not open them.
 */
export async function readSecrets(path: string, dataDir?: string): Promise<Secrets> {
  return (await checkSecrets(path, dataDir)) ?? createSecrets(path);
}

/** The same without making anything: null where there are neither secrets nor data. */
export async function checkSecrets(path: string, dataDir?: string): Promise<Secrets | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw damaged(path, `cannot be read (${errorText(error)})`);
  });
  if (text === null) {
    if (dataDir !== undefined && (await holdsFiles(dataDir))) throw damaged(path, 'is gone');
    return null;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged(path, 'is damaged'); // What JSON.parse says would quote a secret.
  }
  if (!Value.Check(Secrets, json)) throw damaged(path, 'is damaged');
  return json;
}

async function holdsFiles(folder: string): Promise<boolean> {
  return readdir(folder).then(
    (names) => names.length > 0,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
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

function damaged(path: string, how: string): AppError {
  return new AppError(
    'WICK_LOCAL_SECRETS_DAMAGED',
    `"${path}" ${how}; the data beside it cannot be opened without it; restore it, or remove everything with "npm run wick -- reset"`,
  );
}
