/** What a process writes, seen from outside: where it goes, and what never does. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);

/** Runs statements with a `logger`; @returns its lines, and what came on stdout. */
async function logged(statements: string, level = 'info') {
  const script = `
    import { createLogger } from './logger.ts';
    const logger = createLogger('trial', '${level}');
    ${statements}`;
  const { stdout, stderr } = await run(
    process.execPath,
    ['--input-type=module-typescript', '-e', script],
    { cwd: import.meta.dirname },
  );
  const lines: unknown[] = stderr
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
  return { stdout, stderr, lines };
}

test('a line is one JSON object on stderr, with the process; stdout stays free', async () => {
  const { stdout, lines } = await logged(`logger.info({ series: 5 }, 'collected');`);
  expect(lines).toEqual([
    expect.objectContaining({ level: 30, name: 'trial', msg: 'collected', series: 5 }),
  ]);
  expect(stdout).toBe('');
});

test('less severe lines than asked for are not written', async () => {
  const { lines } = await logged(`logger.info('a'); logger.warn('b'); logger.error('c');`, 'warn');
  expect(lines).toMatchObject([{ msg: 'b' }, { msg: 'c' }]);
});

test('a last line is written although the process exits at once', async () => {
  const { lines } = await logged(`logger.error('the end'); process.exit(0);`);
  expect(lines).toMatchObject([{ msg: 'the end' }]);
});

describe('a secret is not written', () => {
  const statements = [
    `logger.info({ password: 'hunter2' }, 'x')`,
    `logger.info({ options: { password: 'hunter2', host: 'db' } }, 'x')`,
    `logger.info({ a: { b: { password: 'hunter2' } } }, 'x')`,
    `logger.info({ authorization: 'Basic hunter2' }, 'x')`,
    `logger.info({ headers: { authorization: 'Basic hunter2' } }, 'x')`,
    `logger.info({ config: { DB_PASSWORD: 'hunter2' } }, 'x')`,
    `logger.info({ DB_PASSWORD: 'hunter2', CDC_PASSWORD: 'hunter2' }, 'x')`,
    `logger.info({ env: { REDIS_PASSWORD: 'hunter2', CLICKHOUSE_PASSWORD: 'hunter2' } }, 'x')`,
    `logger.child({ password: 'hunter2' }).info('x')`,
  ];
  let written: string[] = [];

  beforeAll(async () => {
    const { stderr } = await logged(`${statements.join(';')};`);
    written = stderr.trim().split('\n');
  });

  test.each(statements.map((statement, index) => ({ statement, index })))(
    'by $statement',
    ({ index }) => {
      expect(written).toHaveLength(statements.length);
      expect(written[index]).toContain('***');
      expect(written[index]).not.toContain('hunter2');
    },
  );
});
