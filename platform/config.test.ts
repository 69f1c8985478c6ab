import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '#core/errors.ts';
import { CONFIG_SCHEMA, loadConfig, SECRET_VARIABLES, type ConfigSources } from './config.ts';

const SECRETS = Object.fromEntries(SECRET_VARIABLES.map((name) => [name, `s3cret-${name}`]));
const NO_FILE = join(tmpdir(), 'wick-there-is-no-such-file.env');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-config-'));
});

afterEach(() => rm(folder, { recursive: true }));

type Env = NonNullable<ConfigSources['env']>;

function load(env: Env) {
  return loadConfig({ env: { ...SECRETS, ...env }, envFile: NO_FILE });
}

async function envFile(text: string): Promise<string> {
  const path = join(folder, 'stack.env');
  await writeFile(path, text);
  return path;
}

/** The message that this environment is refused with. */
function refusal(sources: ConfigSources): string {
  try {
    loadConfig({ envFile: NO_FILE, ...sources });
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'WICK_CONFIG_INVALID', retryable: false });
    return error instanceof Error ? error.message : '';
  }
  throw new Error('it was not refused');
}

test('secrets alone are enough: everything else has a default', () => {
  const config = load({});
  expect(config).toMatchObject({ DB_HOST: '127.0.0.1', DB_PORT: 5432, LOG_LEVEL: 'info' });
  expect(Object.keys(config).sort()).toEqual(Object.keys(CONFIG_SCHEMA.properties).sort());
});

test('the environment is read, numbers as numbers', () => {
  expect(load({ DB_HOST: 'db', DB_PORT: '6000', LOG_LEVEL: 'debug' })).toMatchObject({
    DB_HOST: 'db',
    DB_PORT: 6000,
    LOG_LEVEL: 'debug',
  });
});

test('a text that looks like something else stays a text', () => {
  expect(load({ DB_PASSWORD: '0123', DB_NAME: 'true', REDIS_PASSWORD: 'null' })).toMatchObject({
    DB_PASSWORD: '0123',
    DB_NAME: 'true',
    REDIS_PASSWORD: 'null',
  });
});

test('what is not ours is left out', () => {
  expect(load({ PATH: '/bin', DB_PORTS: '1' })).not.toHaveProperty('PATH');
});

test('it cannot be changed', () => {
  const config: { DB_HOST: string } = load({});
  expect(() => {
    config.DB_HOST = 'elsewhere';
  }).toThrow(TypeError);
});

describe('a file lies beneath the environment', () => {
  test('and gives what the environment does not', async () => {
    const path = await envFile('DB_HOST=filed\nDB_PORT=7000\n# a comment\nDB_NAME="a b"\n');
    const config = loadConfig({ env: { ...SECRETS, DB_PORT: '6000' }, envFile: path });
    expect(config).toMatchObject({ DB_HOST: 'filed', DB_PORT: 6000, DB_NAME: 'a b' });
  });

  test('which WICK_ENV_FILE may name', async () => {
    const path = await envFile('DB_HOST=named\n');
    expect(loadConfig({ env: { ...SECRETS, WICK_ENV_FILE: path } }).DB_HOST).toBe('named');
  });

  test('or else the embedded stack has left in its data folder', async () => {
    await envFile('DB_HOST=embedded\n');
    const config = loadConfig({ env: { ...SECRETS, WICKSTREAM_DATA_DIR: folder } });
    expect(config.DB_HOST).toBe('embedded');
  });

  test('and an empty variable takes the default, whatever the file says', async () => {
    const path = await envFile('KAFKA_CLUSTER_ID=abc\nDB_HOST=filed\n');
    const env = { ...SECRETS, KAFKA_CLUSTER_ID: '', DB_HOST: '' };
    expect(loadConfig({ env, envFile: path })).toMatchObject({
      KAFKA_CLUSTER_ID: '',
      DB_HOST: '127.0.0.1',
    });
  });

  test('that cannot be read is named', () => {
    expect(refusal({ env: SECRETS, envFile: folder })).toContain(`"${folder}" cannot be read`);
  });
});

describe('a configuration is refused', () => {
  test('naming everything that is missing', () => {
    const message = refusal({ env: {} });
    for (const name of SECRET_VARIABLES) expect(message).toContain(name);
    expect(message).toMatch(/not set\. Set them in the environment/);
  });

  test('naming all problems at once, each with its variable and value', () => {
    const message = refusal({
      env: {
        DB_PORT: 'many',
        LOG_LEVEL: 'loud',
        ANALYZER_CHECKPOINT_MS: '5',
        COLLECT_HISTORY_DAYS: '0',
        DB_PASSWORD: 'x',
      },
    });
    for (const part of [
      'DB_PORT is "many"',
      'LOG_LEVEL is "loud"',
      'ANALYZER_CHECKPOINT_MS is "5"',
      'COLLECT_HISTORY_DAYS is "0"',
      'CDC_PASSWORD, CLICKHOUSE_PASSWORD, REDIS_PASSWORD not set',
    ]) {
      expect(message).toContain(part);
    }
  });

  test('and the missing variables can be read from the error', () => {
    expect(() => loadConfig({ env: {}, envFile: NO_FILE })).toThrow(
      expect.objectContaining({ details: { missing: [...SECRET_VARIABLES] } }),
    );
  });

  test('without a secret in the message', () => {
    const message = refusal({ env: { ...SECRETS, DB_PORT: 'x' } });
    expect(message).toContain('DB_PORT');
    for (const secret of Object.values(SECRETS)) expect(message).not.toContain(secret);
  });

  test.each(['', '0', '65536', '-1', '80.5', '0x10', '1e3', 'true', '80n', ' 80', '80abc', 'NaN'])(
    'for a port of "%s", unless that means unset',
    (text) => {
      if (text === '') expect(load({ DB_PORT: text }).DB_PORT).toBe(5432);
      else
        expect(refusal({ env: { ...SECRETS, DB_PORT: text } })).toContain(`DB_PORT is "${text}"`);
    },
  );
});

test('every variable that holds a password is known as a secret, and has no default', () => {
  const names = Object.entries(CONFIG_SCHEMA.properties).filter(([name]) => /PASSWORD/.test(name));
  expect(names.map(([name]) => name).sort()).toEqual([...SECRET_VARIABLES].sort());
  expect(names.filter(([, schema]) => 'default' in schema)).toEqual([]);
});

test('every variable is described', () => {
  const silent = Object.entries(CONFIG_SCHEMA.properties).filter(
    ([, schema]) => !('description' in schema && String(schema.description).length > 5),
  );
  expect(silent).toEqual([]);
});
