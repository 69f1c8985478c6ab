/**
 * The layer rules can fail: each is broken once, in a tree of its own, and must say so under its own
 * name. In: .dependency-cruiser.cjs. It judges the rules; tests/tidy.test.ts the repository.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cruise, type Cruise } from './support/modules.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = mkdtempSync(join(tmpdir(), 'wick-layers-'));

/** Modules, the imports of each, and the rule that an import must break; null where it is fine. */
const TREE: readonly (readonly [from: string, to: string, rule: string | null])[] = [
  ['core/time.ts', 'typebox', null],
  ['core/fs.ts', 'node:fs', 'core-is-pure'],
  ['core/up.ts', '../platform/kafka.ts', 'core-is-pure'],
  ['core/pino.ts', 'pino', 'core-is-pure'],
  ['platform/kafka.ts', 'kafkajs', null],
  ['platform/clock.ts', '#core/time.ts', null],
  ['platform/hash.ts', 'node:crypto', null],
  ['platform/up.ts', '../etl/index.ts', 'platform-knows-core-only'],
  ['etl/index.ts', '#platform/clock.ts', null],
  ['etl/load/rows.ts', '../index.ts', null],
  ['etl/venue.ts', '../local/venue.ts', 'stages-are-composed-not-composing'],
  ['etl/loop-a.ts', './loop-b.ts', 'no-cycle'],
  ['etl/loop-b.ts', './loop-a.ts', null],
  ['etl/nowhere.ts', './not-there.ts', 'no-unresolved'],
  ['etl/dev.ts', 'fast-check', 'no-dev-package-in-production'],
  ['etl/engine.ts', 'chdb', 'optional-packages-only-in-local'],
  ['scheduler/main.ts', '../etl/index.ts', null],
  ['scheduler/deep.ts', '../etl/load/rows.ts', 'stages-meet-at-stores'],
  ['connectors/index.ts', '#core/time.ts', null],
  ['scheduler/wrong.ts', '../connectors/index.ts', 'connectors-edge-serves-analyzer'],
  ['analyzer/index.ts', '../connectors/index.ts', null],
  ['analyzer/wrong.ts', '../etl/index.ts', 'etl-edge-serves-scheduler'],
  ['analyzer/kafka.ts', 'kafkajs', 'kafkajs-only-in-platform'],
  ['analyzer/pg.ts', 'pg', 'pg-only-in-platform'],
  ['analyzer/redis.ts', 'ioredis', 'ioredis-only-in-platform'],
  ['analyzer/store.ts', '@clickhouse/client', 'clickhouse-only-in-platform'],
  ['analyzer/store.test.ts', 'pg', null],
  ['analyzer/features/sma.ts', '#core/time.ts', null],
  ['analyzer/features/clock.ts', '#platform/clock.ts', 'features-and-signals-are-pure'],
  ['analyzer/signals/file.ts', 'node:fs', 'features-and-signals-are-pure'],
  ['analyzer/signals/sink.ts', '../index.ts', 'features-and-signals-are-pure'],
  ['research/run.ts', '../analyzer/index.ts', null],
  ['api/app.ts', '../analyzer/index.ts', 'analyzer-edge-serves-research'],
  ['proof/index.ts', '../analyzer/evaluation.ts', null],
  ['proof/wrong.ts', '../etl/index.ts', 'proof-knows-what-it-proves'],
  ['proof/script.ts', '../scripts/wick.ts', 'proof-knows-what-it-proves'],
  ['analyzer/evaluation.ts', '#core/time.ts', null],
  ['scheduler/proof-job.ts', '../proof/index.ts', null],
  ['scheduler/proof-deep.ts', '../proof/wrong.ts', 'proof-edge-serves-scheduler'],
  ['analyzer/proof.ts', '../proof/index.ts', 'proof-is-no-part-of-other-stages'],
  ['local/proof.ts', '../proof/index.ts', 'local-knows-no-stage'],
  ['local/venue.ts', '#platform/clock.ts', null],
  ['local/server.ts', 'pg', null],
  ['local/wrong.ts', '../scheduler/main.ts', 'local-knows-no-stage'],
  ['local/script.ts', '../scripts/wick.ts', 'local-knows-no-stage'],
  ['scripts/wick.ts', '../local/venue.ts', null],
  ['scripts/edge.ts', '../connectors/index.ts', null],
  ['scripts/wrong.ts', '../bench/main.ts', 'composers-are-leaves'],
  ['bench/main.ts', '../local/venue.ts', null],
  ['tests/support/db.ts', '../../local/server.ts', null],
];

let graph: Cruise;

beforeAll(async () => {
  for (const [from, to] of TREE) {
    mkdirSync(join(FOLDER, dirname(from)), { recursive: true });
    writeFileSync(join(FOLDER, from), `import '${to}';\nexport const here = 1;\n`);
  }
  for (const file of ['package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, file), join(FOLDER, file));
  }
  // Empty packages of those names: what is in the real ones is not what is judged here.
  for (const name of new Set(TREE.map(([, to]) => to).filter((to) => /^[a-z@][\w/-]*$/.test(to)))) {
    const folder = join(FOLDER, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, main: 'index.js' }));
    writeFileSync(join(folder, 'index.js'), '');
  }
  graph = await cruise(FOLDER, ROOT);
});

afterAll(() => rmSync(FOLDER, { recursive: true }));

test('each rule is broken by what it forbids, and by nothing else', () => {
  const broken = graph.summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`);
  const expected = TREE.filter(([, , rule]) => rule !== null).map(
    ([from, , rule]) => `${from}: ${rule}`,
  );
  expect([...new Set(broken)].sort()).toEqual(expected.sort());
});
