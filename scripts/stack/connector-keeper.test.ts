import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { freePort } from '../../local/stack/ports.ts';
import { connectorKeeper } from './connector-keeper.ts';

let server: Server;
let url = '';
/** What Connect says of the connector; null for "not found". */
let states: { readonly connector: string; readonly tasks: readonly string[] } | null = null;
let asked: string[] = [];
let said: string[] = [];

beforeEach(async () => {
  asked = [];
  said = [];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader('connection', 'close');
    if (request.method === 'POST') response.writeHead(202).end('{}');
    else if (states === null) response.writeHead(404).end('{}');
    else {
      const trace = 'PSQLException: the database system is shutting down\n\tat org.postgresql';
      const tasks = states.tasks.map((state) => ({ state, ...(state === 'FAILED' && { trace }) }));
      response.end(JSON.stringify({ connector: { state: states.connector }, tasks }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
});

const keep = (): Promise<void> =>
  connectorKeeper({ CONNECT_URL: url }, (line) => said.push(line))();

test.each([null, { connector: 'RUNNING', tasks: ['RUNNING'] }, { connector: 'PAUSED', tasks: [] }])(
  'a connector that has not failed is left alone: %j',
  async (found) => {
    states = found;
    await keep();
    expect(asked).toEqual([`GET /connectors/${CONNECTOR_NAME}/status`]);
    expect(said).toEqual([]);
  },
);

test('a failed task is restarted, and why it failed is said', async () => {
  states = { connector: 'RUNNING', tasks: ['FAILED'] };
  await keep();
  expect(asked.at(-1)).toBe(
    `POST /connectors/${CONNECTOR_NAME}/restart?includeTasks=true&onlyFailed=true`,
  );
  expect(said).toEqual([
    'connector failed (PSQLException: the database system is shutting down); restarting it',
  ]);
});

test('while Connect is away nothing is said: the next call looks again', async () => {
  url = `http://127.0.0.1:${await freePort()}`;
  await keep();
  expect(said).toEqual([]);
});
