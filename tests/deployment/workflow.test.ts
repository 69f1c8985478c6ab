/**
 * CI does what the documents promise: the workflow and `.ci/run` as data. In: both files, package.json.
 * It cannot run the workflow; it holds that each step is one that exists.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { ENGINE_KINDS, KIND_VARIABLE } from '../support/engines/engine-kind.ts';
import { ROOT } from '../support/compose.ts';

const Environment = Type.Optional(Type.Record(Type.String(), Type.String()));
const WORKFLOW = Value.Parse(
  Type.Object({
    permissions: Type.Record(Type.String(), Type.String()),
    jobs: Type.Record(
      Type.String(),
      Type.Object({
        'timeout-minutes': Type.Integer(),
        env: Environment,
        steps: Type.Array(
          Type.Object({
            uses: Type.Optional(Type.String()),
            run: Type.Optional(Type.String()),
            env: Environment,
          }),
        ),
      }),
    ),
  }),
  parse(readFileSync(join(ROOT, '.github/workflows/ci.yml'), 'utf8')),
);
const CI_RUN = readFileSync(join(ROOT, '.ci/run'), 'utf8');

function commandsOf(job: string): string[] {
  return (WORKFLOW.jobs[job]?.steps ?? []).flatMap(({ run }) =>
    (run ?? '').split('\n').map((line) => line.trim()),
  );
}

describe('the workflow', () => {
  test('may read the repository and nothing else', () => {
    expect(WORKFLOW.permissions).toEqual({ contents: 'read' });
  });

  test('pins each action to a major version', () => {
    const used = Object.values(WORKFLOW.jobs).flatMap(({ steps }) =>
      steps.flatMap(({ uses }) => uses ?? []),
    );
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((action) => !/^actions\/[\w-]+@v\d+$/.test(action))).toEqual([]);
  });

  test('checks a machine without Docker by the commands of the README', () => {
    const commands = commandsOf('check');
    const found = ['npm ci', 'npm run check', 'npm test'].map((command) =>
      commands.indexOf(command),
    );
    expect(found).not.toContain(-1);
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    expect(WORKFLOW.jobs['check']?.env?.[KIND_VARIABLE]).toBe('embedded');
  });

  test('runs the three Docker commands in order, and waits for health', () => {
    const commands = commandsOf('docker').join('\n');
    const order = [
      'docker compose build app',
      'docker compose up -d',
      'curl -i -X POST -H "Accept:application/json" -H "Content-Type:application/json" localhost:8083/connectors/ -d @pg-connector.json',
      'docker compose run --rm -T app status --json',
      'docker compose down',
    ].map((command) => commands.indexOf(command));
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(commands).toMatch(/up -d --wait/);
  });

  test('asks for engines that the tests know', () => {
    const asked = Object.values(WORKFLOW.jobs).flatMap(({ env, steps }) =>
      [env, ...steps.map((step) => step.env)].flatMap((each) => each?.[KIND_VARIABLE] ?? []),
    );
    expect(asked.toSorted()).toEqual([...ENGINE_KINDS].toSorted());
  });

  test('has scripts that a shell can read, and an end', () => {
    for (const { steps, 'timeout-minutes': minutes } of Object.values(WORKFLOW.jobs)) {
      expect(minutes).toBeLessThanOrEqual(60);
      for (const { run } of steps) {
        if (run === undefined) continue;
        // What GitHub fills in is no shell.
        const script = run.replaceAll(/\$\{\{.*?\}\}/g, 'filled');
        expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' }).stderr).toBe('');
      }
    }
  });
});

test('.ci/run installs, checks, tests and counts, in that order', () => {
  const order = ['npm ci', 'npm run check', 'npm test', 'scripts/test-totals.ts'].map((command) =>
    CI_RUN.search(new RegExp(`^[^#\\n]*${command}`, 'm')),
  );
  expect(order).not.toContain(-1);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(CI_RUN).toContain('set -euo pipefail');
});
