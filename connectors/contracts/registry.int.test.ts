/**
 * The contracts at a real registry: what it takes, what it refuses, and that ids outlive it. In: the
 * engines of the run.
 */
import { createServer } from 'node:http';
import { beforeAll, expect, test } from 'vitest';
import { startEngines, type TestEngines } from '../../tests/support/engines.ts';
import { readContract } from './contract.ts';
import { registerContracts } from './register-contracts.ts';
import { createRegistry, type SchemaRegistry } from './registry.ts';

let engines: TestEngines;
let registry: SchemaRegistry;

beforeAll(async () => {
  engines = await startEngines(['registry']);
  registry = createRegistry(engines.config.SCHEMA_REGISTRY_URL);
});

const { text, subject } = readContract('features.v1');
/** A schema of a subject of its own, so that no other test sees it. */
const trial = (fields: readonly object[]): string =>
  JSON.stringify({ type: 'record', name: 'Trial', namespace: 'wickstream.trial', fields });
const A = { name: 'a', type: 'string' };
const B = { name: 'b', type: ['null', 'long'], default: null };

test('a contract has one id, however often it is registered', async () => {
  const first = await registerContracts(registry);
  expect(await registerContracts(registry)).toEqual(first);
  const { 'features.v1': features, 'signals.v1': signals } = first;
  expect(features.schemaId).not.toBe(signals.schemaId);
  expect(JSON.parse(await registry.schemaOf(features.schemaId))).toEqual(JSON.parse(text));
});

test('a field with a default is let in', async () => {
  await registerContracts(registry);
  const [before, after] = [trial([A]), trial([A, B])];
  const id = await registry.register('wickstream.trial-value', before);
  expect(await registry.register('wickstream.trial-value', after)).not.toBe(id);
});

test.each<[string, (text: string) => string]>([
  [
    'a field of another type',
    (of) => of.replace('"name":"symbol","type":"string"', '"name":"symbol","type":"int"'),
  ],
  ['a field that is gone', (of) => of.replace(/\{"name":"symbol"[^}]*\},/, '')],
  [
    'a new field without a default',
    (of) => of.replace('"fields":[', '"fields":[{"name":"x","type":"string"},'),
  ],
])('refused is %s', async (_, change) => {
  await registerContracts(registry);
  expect(change(text)).not.toBe(text);
  await expect(registry.register(subject, change(text))).rejects.toMatchObject({
    code: 'WICK_REGISTRY_REFUSED',
    retryable: false,
    message: expect.stringMatching(
      /^The schema registry refused this version of "wickstream\.features\.v1-value" \(409\): .*[Ii]ncompatible/,
    ),
  });
});

test('ids and the rule outlive a registry that is killed', async () => {
  const before = await registerContracts(registry);
  const id = await registry.register('wickstream.outlives-value', trial([A]));
  await engines.keeper.kill('registry');
  await expect(registry.schemaOf(id)).rejects.toMatchObject({
    code: 'WICK_REGISTRY_UNREACHABLE',
    retryable: true,
  });
  await engines.keeper.start('registry');
  expect(JSON.parse(await registry.schemaOf(id))).toEqual(JSON.parse(trial([A])));
  // Before anybody sets it again.
  await expect(
    registry.register('wickstream.outlives-value', trial([{ name: 'a', type: 'int' }])),
  ).rejects.toMatchObject({ code: 'WICK_REGISTRY_REFUSED' });
  expect(await registerContracts(registry)).toEqual(before);
});

test('what is no registry is refused with what it said', async () => {
  const server = createServer((_, response) => response.end('a login page'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(registerContracts(createRegistry(`http://127.0.0.1:${port}`))).rejects.toThrow(
    /refused the rule "FULL_TRANSITIVE" \(200\): a login page/,
  );
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
