/**
 * The keeper: the one process that owns a run's engines. In: requests on a socket in its folder. Out:
 * engines, each started when first asked for. It ends, and everything with it, when its standard
 * input does, so nothing outlives a run that failed, was interrupted or was killed. Exit code 1 when
 * our own processes had been left running, or an engine broke down.
 */
import { chmod, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { errorText } from '#core/errors.ts';
import { installEngines } from '../../../local/engines/install.ts';
import { stackEnvironment } from '../../../local/stack/environment.ts';
import { resolveLayout } from '../../../local/stack/layout.ts';
import { stopLeftover } from '../../../local/stack/managed-process.ts';
import { createDockerEngines, dockerProblem } from './docker-engines.ts';
import { createEmbeddedEngines } from './embedded-engines.ts';
import { chooseEngineKind, KIND_VARIABLE } from './engine-kind.ts';
import {
  createEngineSet,
  ENGINES,
  type EngineName,
  type EngineProvider,
  type EngineSet,
} from './engine-set.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
/** Pid files of our own processes under test begin with it. */
const OWN_PREFIX = 'own-';
const OWN_STOP_TIMEOUT_MS = 5_000;
const BREAKDOWN = /\bPANIC\b|OutOfMemoryError|server process .* was terminated/;

const say = (line: string): void => void process.stderr.write(`test engines: ${line}\n`);

// As root, Postgres runs as another user, which must be able to get in.
const folder = await mkdtemp(join(tmpdir(), 'wick-test-'));
await chmod(folder, 0o755);
const set = await createEngineSet(folder);
const provider = await createProvider(set);
const server = createServer((request, response) => void answer(request, response));
const socket = join(folder, 'keeper.sock');
server.listen(socket);
await once(server, 'listening');
process.stdout.write(`${JSON.stringify({ socket })}\n`);

process.stdin.resume();
// Whoever started us ends us; a signal meant for the whole terminal does not.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
await Promise.race([once(process.stdin, 'end'), once(process.stdin, 'close')]);

server.close();
server.closeAllConnections();
const problems = [...(await endLeftovers(set)), ...(await breakdowns(set))];
await provider.close();
for (const problem of problems) say(problem);
process.exit(problems.length === 0 ? 0 : 1);

async function createProvider(of: EngineSet): Promise<EngineProvider> {
  const env = stackEnvironment();
  const asked = env[KIND_VARIABLE];
  const problem = asked === 'embedded' ? 'not asked' : await dockerProblem();
  if (chooseEngineKind(asked, problem) === 'docker') return createDockerEngines(of);
  const cacheDir = resolveLayout({
    checkout: CHECKOUT,
    cacheDir: env['WICKSTREAM_CACHE_DIR'],
  }).engineCache;
  return createEmbeddedEngines(of, await installEngines({ cacheDir, onProgress: say }));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await handle(request.url ?? '/');
    response.end(JSON.stringify(body));
  } catch (error) {
    response.statusCode = 500;
    response.end(JSON.stringify({ error: errorText(error) }));
  }
}

async function handle(url: string): Promise<unknown> {
  const [, verb = '', name = ''] = url.split('/');
  if (verb === 'set')
    return { folder, logs: set.logs, run: set.run, ports: set.ports, env: set.env };
  if (verb === 'identity') return provider.identity();
  const engine = ENGINES.find((known) => known === name);
  if (engine === undefined) throw new Error(`"${url}" asks for nothing known`);
  await act(verb, engine);
  return {};
}

async function act(verb: string, engine: EngineName): Promise<void> {
  if (verb === 'start') await provider.start(engine);
  else if (verb === 'stop') await provider.stop(engine);
  else if (verb === 'kill') await provider.kill(engine);
  else throw new Error(`"${verb}" is not start, stop or kill`);
}

/** Ends our own processes that a test left running. @returns what was found. */
async function endLeftovers({ run }: EngineSet): Promise<string[]> {
  const names = (await readdir(run)).filter((name) => name.startsWith(OWN_PREFIX));
  const found: string[] = [];
  for (const name of names) {
    if (await stopLeftover(join(run, name), 'SIGTERM', OWN_STOP_TIMEOUT_MS)) {
      found.push(`${name.replace('.pid', '')} had been left running`);
    }
  }
  return found;
}

/** What no test may provoke, whatever it allows. */
async function breakdowns({ logs }: EngineSet): Promise<string[]> {
  const found: string[] = [];
  for (const engine of ENGINES) {
    const text = await readFile(join(logs, `${engine}.log`), 'utf8').catch(() => '');
    const line = text.split('\n').find((candidate) => BREAKDOWN.test(candidate));
    if (line !== undefined) found.push(`${engine}: ${line}`);
  }
  return found;
}
