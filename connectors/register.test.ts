/**
 * The connector's life against the answers that Kafka Connect gave, replayed by a small server; see
 * fixtures/SOURCES.md. What Connect does with a request is tested on a real one, elsewhere.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  applyConnector,
  connectorStatus,
  forgetConnector,
  readConnectorFile,
  removeConnector,
  restartFailed,
} from './register.ts';

const NAME = 'wickstream-postgres';
const FILE = { name: NAME, config: { 'tasks.max': '1' } };
const ANSWERS = Value.Parse(
  Type.Array(
    Type.Object({
      name: Type.String(),
      method: Type.String(),
      path: Type.String(),
      status: Type.Integer(),
      body: Type.String(),
    }),
  ),
  JSON.parse(readFileSync(new URL('fixtures/connect-answers.json', import.meta.url), 'utf8')),
);

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly body: string;
}

let server: Server;
let url = '';
let asked: Asked[] = [];
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      asked.push({ method: request.method, url: request.url, body });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

function answerWith(status: number, body: string): void {
  answer = (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
}

/** Answers as Connect did; @returns the request that it was the answer to. */
function replay(name: string): { readonly method: string; readonly url: string } {
  const recorded = ANSWERS.find((candidate) => candidate.name === name);
  if (recorded === undefined) throw new Error(`no answer was recorded as "${name}"`);
  answerWith(recorded.status, recorded.body);
  return { method: recorded.method, url: recorded.path };
}

describe('applying', () => {
  test('a connector that is not there creates it', async () => {
    const request = replay('apply new');
    expect(await applyConnector({ url }, FILE)).toBe('created');
    expect(asked).toEqual([{ ...request, body: '{"tasks.max":"1"}' }]);
  });

  test('one that is there updates it', async () => {
    const request = replay('apply again');
    expect(await applyConnector({ url }, FILE)).toBe('updated');
    expect(asked).toMatchObject([request]);
  });

  test('a bad configuration passes on what Connect says, and is not worth trying again', async () => {
    replay('bad config');
    await expect(applyConnector({ url }, FILE)).rejects.toMatchObject({
      code: 'WICK_CONNECTOR_REJECTED',
      retryable: false,
      message: expect.stringMatching(/PUT .*"wickstream-postgres" \(400\): .*poll\.interval\.ms/s),
    });
  });

  test.each([409, 500, 503])('may work later after a %i', async (status) => {
    answerWith(status, '{"error_code":0,"message":"rebalancing"}');
    await expect(applyConnector({ url }, FILE)).rejects.toMatchObject({
      code: 'WICK_CONNECTOR_REJECTED',
      retryable: true,
    });
  });

  test('a name that needs it is escaped', async () => {
    replay('apply new');
    await applyConnector({ url }, { ...FILE, name: 'a/b c' });
    expect(asked[0]?.url).toBe('/connectors/a%2Fb%20c/config');
  });
});

describe('the status', () => {
  test('of a running connector names its task too', async () => {
    const request = replay('status running');
    expect(await connectorStatus({ url }, NAME)).toEqual({
      connector: 'RUNNING',
      tasks: ['RUNNING'],
      failure: null,
    });
    expect(asked).toMatchObject([request]);
  });

  test('of an unknown connector is absent', async () => {
    replay('status of an unknown connector');
    expect(await connectorStatus({ url }, NAME)).toEqual({
      connector: 'absent',
      tasks: [],
      failure: null,
    });
  });

  test('of a failed task says why, in one line', async () => {
    replay('status failed');
    const { connector, tasks, failure } = await connectorStatus({ url }, NAME);
    expect({ connector, tasks }).toEqual({ connector: 'RUNNING', tasks: ['FAILED'] });
    expect(failure).toMatch(
      /^org\.apache\.kafka\.connect\.errors\.ConnectException: Non-retri.*\.$/,
    );
  });

  test('of a failed connector says why as well', async () => {
    answerWith(200, '{"connector":{"state":"FAILED","trace":"no plugin\\n\\tat x"},"tasks":[]}');
    expect(await connectorStatus({ url }, NAME)).toEqual({
      connector: 'FAILED',
      tasks: [],
      failure: 'no plugin',
    });
  });

  test.each<[string, number, string]>([
    ['is not JSON', 200, '<html>proxy</html>'],
    ['has no tasks', 200, '{"connector":{"state":"RUNNING"}}'],
    ['is an error', 500, '{"error_code":500,"message":"timed out"}'],
  ])('that %s is refused', async (_name, status, body) => {
    answerWith(status, body);
    await expect(connectorStatus({ url }, NAME)).rejects.toMatchObject({
      code: 'WICK_CONNECTOR_REJECTED',
      message: expect.stringContaining(body),
    });
  });
});

describe('removing', () => {
  test('a connector says that it was there', async () => {
    const request = replay('remove');
    expect(await removeConnector({ url }, NAME)).toBe(true);
    expect(asked).toMatchObject([request]);
  });

  test('an unknown one says that it was not', async () => {
    replay('remove of an unknown connector');
    expect(await removeConnector({ url }, NAME)).toBe(false);
  });

  test('while Connect cannot is refused', async () => {
    answerWith(409, '{"error_code":409,"message":"rebalancing"}');
    await expect(removeConnector({ url }, NAME)).rejects.toMatchObject({ retryable: true });
  });
});

describe('forgetting', () => {
  /** Answers one status after the other. */
  function answerInTurn(...statuses: readonly number[]): void {
    const left = [...statuses];
    answer = (response) => response.writeHead(left.shift() ?? 500).end('{"message":"x"}');
  }
  const requests = (): string[] => asked.map(({ method, url: path }) => `${method} ${path}`);
  const PATH = `/connectors/${NAME}`;

  test('stops the connector, waits until its tasks are gone, and removes it', async () => {
    answerInTurn(202, 500, 200, 204);
    await forgetConnector({ url }, FILE);
    const offsets = `DELETE ${PATH}/offsets`;
    expect(requests()).toEqual([`PUT ${PATH}/stop`, offsets, offsets, `DELETE ${PATH}`]);
  });

  test('makes one that was removed before once more, stopped', async () => {
    answerInTurn(404, 201, 200, 204);
    await forgetConnector({ url }, FILE);
    expect(requests()[1]).toBe('POST /connectors');
    expect(JSON.parse(asked[1]?.body ?? '')).toEqual({ ...FILE, initial_state: 'STOPPED' });
    expect(requests().slice(2)).toEqual([`DELETE ${PATH}/offsets`, `DELETE ${PATH}`]);
  });

  test.each([
    ['not stop', [500]],
    ['not make it', [404, 400]],
    ['not forget', [202, 500, 500, 500, 500]],
  ])('is given up when Connect does %s', async (_, statuses) => {
    answerInTurn(...statuses);
    await expect(forgetConnector({ url, timeoutMs: 300 }, FILE)).rejects.toMatchObject({
      code: 'WICK_CONNECTOR_REJECTED',
    });
  });
});

describe('restarting', () => {
  test('asks for what failed only', async () => {
    const request = replay('restart failed');
    await restartFailed({ url }, NAME);
    expect(asked).toMatchObject([request]);
  });

  test('an unknown connector is refused', async () => {
    replay('restart of an unknown connector');
    await expect(restartFailed({ url }, NAME)).rejects.toMatchObject({
      code: 'WICK_CONNECTOR_REJECTED',
      retryable: false,
    });
  });
});

describe('Connect is unreachable, which may pass', () => {
  const unreachable = {
    code: 'WICK_CONNECTOR_UNREACHABLE',
    retryable: true,
    message: expect.stringContaining('is it running?'),
  };

  test('when it does not answer in time', async () => {
    answer = () => undefined;
    const request = applyConnector({ url, timeoutMs: 30 }, FILE);
    await expect(request).rejects.toMatchObject(unreachable);
  });

  test('when it stops in the middle of its answer', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"connector"');
      response.destroy();
    };
    await expect(connectorStatus({ url }, NAME)).rejects.toMatchObject(unreachable);
  });

  test('when nobody listens', async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
    await expect(removeConnector({ url }, NAME)).rejects.toMatchObject(unreachable);
    server.listen(0, '127.0.0.1');
  });
});

describe('a connector file', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wick-connector-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function read(text: string) {
    const path = join(folder, 'connector.json');
    await writeFile(path, text);
    return readConnectorFile(path);
  }

  test('is read', async () => {
    expect(await read(JSON.stringify(FILE))).toEqual(FILE);
  });

  test('the committed one is one', async () => {
    const file = await readConnectorFile(join(import.meta.dirname, '..', 'pg-connector.json'));
    expect(file.name).toBe(NAME);
  });

  test.each<[string, string, RegExp]>([
    ['no JSON', '{', /cannot be read as JSON/],
    ['a bare configuration', JSON.stringify(FILE.config), /it needs "name" and "config"/],
    ['an empty name', JSON.stringify({ ...FILE, name: '' }), /it needs "name"/],
    ['a number among its texts', '{"name":"a","config":{"tasks.max":1}}', /text values/],
  ])('with %s is refused by name', async (_name, text, message) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'WICK_CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('that is missing is refused by name', async () => {
    const path = join(folder, 'nowhere.json');
    await expect(readConnectorFile(path)).rejects.toMatchObject({
      code: 'WICK_CONFIG_INVALID',
      message: expect.stringContaining(path),
    });
  });
});
