/**
 * One set of variables: docker-compose.yml, .env.example and the configuration schema name the same
 * ones with the same defaults, so that a setting that is written down is a setting that works.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONFIG_SCHEMA, loadConfig, SECRET_VARIABLES } from '#platform/config.ts';
import {
  COMPOSE_TEXT,
  composeWith,
  ENV_EXAMPLE,
  ENV_EXAMPLE_TEXT,
  referencesIn,
  ROOT,
  withoutComments,
} from '../support/compose.ts';

const REFERENCES = referencesIn(withoutComments(COMPOSE_TEXT));
const SCHEMA_DEFAULTS = Object.fromEntries(
  Object.entries(CONFIG_SCHEMA.properties).flatMap(([name, schema]) =>
    'default' in schema ? [[name, String(schema.default)]] : [],
  ),
);
/** Without a default: they must differ from one deployment to the next. */
const OWN: readonly string[] = [...SECRET_VARIABLES, 'KAFKA_CLUSTER_ID'];
/** Each a different one, as after the command in .env.example. */
const FILLED = { ...ENV_EXAMPLE, ...onlyOwn() };
const NO_FILE = join(ROOT, 'tests', 'no-such.env');

/** Differs between a process on this machine and one in the network: 127.0.0.1 or a service. */
function isAddress(name: string): boolean {
  const schemaDefault = SCHEMA_DEFAULTS[name] ?? '';
  return schemaDefault.includes('127.0.0.1');
}

describe('.env.example', () => {
  test('names exactly the variables that docker-compose.yml refers to', () => {
    const referred = new Set(REFERENCES.map(({ name }) => name));
    expect(Object.keys(ENV_EXAMPLE).sort()).toEqual([...referred].sort());
  });

  test('names every variable that our own processes read', () => {
    expect(Object.keys(ENV_EXAMPLE)).toEqual(
      expect.arrayContaining(Object.keys(CONFIG_SCHEMA.properties)),
    );
  });

  test('names each variable once', () => {
    const names = [...ENV_EXAMPLE_TEXT.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name);
    expect(names).toHaveLength(new Set(names).size);
  });

  test('explains each variable, or stands under one that is explained', () => {
    const unexplained = ENV_EXAMPLE_TEXT.split('\n\n').filter(
      (section) => /^[A-Z]/m.test(section) && !section.trim().startsWith('#'),
    );
    expect(unexplained).toEqual([]);
  });

  test('holds no secret: passwords and cluster id are empty, and nothing else is', () => {
    const empty = Object.entries(ENV_EXAMPLE).filter(([, value]) => value === '');
    expect(empty.map(([name]) => name).sort()).toEqual([...OWN].sort());
  });

  test('is a configuration that our processes accept once these are filled in', () => {
    expect(() => loadConfig({ env: FILLED, envFile: NO_FILE })).not.toThrow();
  });

  const command = /^# {3}(awk .*)$/m.exec(ENV_EXAMPLE_TEXT)?.[1] ?? '';
  const hasTools = spawnSync('sh', ['-c', 'command -v awk && command -v openssl']).status === 0;

  test.skipIf(!hasTools)('says a command that fills each in with another value', () => {
    const run = spawnSync('sh', ['-c', command.replace(/ > \.env$/, '')], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const lines = run.stdout.split('\n');
    const changed = lines.filter((line, index) => line !== ENV_EXAMPLE_TEXT.split('\n')[index]);
    expect(run.stderr).toBe('');
    expect(changed.map((line) => line.replace(/=[0-9a-f]{48}$/, '=48 digits')).sort()).toEqual(
      OWN.map((name) => `${name}=48 digits`).sort(),
    );
    expect(new Set(changed.map((line) => line.split('=')[1])).size).toBe(OWN.length);
    expect(lines).toHaveLength(ENV_EXAMPLE_TEXT.split('\n').length);
  });

  test('says the command that CI runs', () => {
    expect(command).not.toBe('');
    expect(readFileSync(join(ROOT, '.github/workflows/ci.yml'), 'utf8')).toContain(command);
  });
});

describe('docker-compose.yml', () => {
  test('falls back to what .env.example says', () => {
    const fallbacks = REFERENCES.filter(({ fallback }) => fallback !== null && fallback !== '');
    const wrong = fallbacks.filter(({ name, fallback }) => ENV_EXAMPLE[name] !== fallback);
    expect(wrong).toEqual([]);
    expect(fallbacks.length).toBeGreaterThan(30);
  });

  test('requires exactly what must differ, and says where to set each', () => {
    const required = REFERENCES.filter(({ fallback }) => fallback === null);
    expect(new Set(required.map(({ name }) => name))).toEqual(new Set(OWN));
    for (const { name, message } of required) {
      expect(message).toContain(`set ${name} in .env`);
    }
    expect(() => composeWith(ENV_EXAMPLE)).toThrow('set DB_PASSWORD in .env');
  });

  test.each(['migrate', 'scheduler', 'analyzer', 'app'])(
    'hands %s every variable of the schema, and none that it does not know',
    (name) => {
      const environment = composeWith(FILLED).services[name]?.environment ?? {};
      expect(Object.keys(environment).sort()).toEqual(Object.keys(CONFIG_SCHEMA.properties).sort());
      expect(() => loadConfig({ env: environment, envFile: NO_FILE })).not.toThrow();
    },
  );

  test('and .env.example give each default of the schema', () => {
    const names = Object.keys(SCHEMA_DEFAULTS).filter(
      (name) => !isAddress(name) && !OWN.includes(name),
    );
    const expected = names.map((name) => [name, SCHEMA_DEFAULTS[name]]);
    const written = names.map((name) => [name, ENV_EXAMPLE[name]]);
    expect(written).toEqual(expected);
    // With nothing but what must be set, our processes still see the same.
    const { services } = composeWith(onlyOwn());
    const config = loadConfig({ env: services['app']?.environment ?? {}, envFile: NO_FILE });
    const seen = new Map(Object.entries(config).map(([name, value]) => [name, String(value)]));
    expect(names.map((name) => [name, seen.get(name)])).toEqual(expected);
  });
});

function onlyOwn(): Record<string, string> {
  return Object.fromEntries(OWN.map((name, index) => [name, `secret${index}`]));
}
