/**
 * A ClickHouse front for tests: its own data directory, a free port, a password of its own. In: bounds to change.
 * Out: the front, clients, and `stop`, which also fails on any line that was logged and not expected.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { type ClickHouseFront, createClickHouseFront } from './front.ts';
import type { FrontLimits } from './limits.ts';

export interface TestFront {
  readonly front: ClickHouseFront;
  readonly client: ClickHouseClient;
  readonly user: string;
  readonly password: string;
  readonly logged: string[];
  /** One request by hand; the body of the answer as text. */
  send(path: string, body?: string | Buffer, headers?: Record<string, string>): Promise<Answer>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** False when the connection broke before the body had ended. */
  readonly complete: boolean;
}

export async function startTestFront(limits: Partial<FrontLimits> = {}): Promise<TestFront> {
  const dataDir = mkdtempSync(join(tmpdir(), 'wickstream-clickhouse-'));
  const password = randomUUID();
  const logged: string[] = [];
  const note = (details: object, message: string): void => {
    logged.push(`${message} ${JSON.stringify(details)}`);
  };
  const front = await createClickHouseFront({
    dataDir,
    port: 0,
    user: 'wick',
    password,
    limits,
    log: { warn: note, error: note },
  });
  const client = createClient({
    url: `http://127.0.0.1:${front.port}`,
    username: 'wick',
    password,
    log: { level: ClickHouseLogLevel.OFF },
  });
  return {
    front,
    client,
    user: 'wick',
    password,
    logged,
    send: (path, body = '', headers = {}) =>
      sendRequest(front.port, path, body, {
        authorization: `Basic ${Buffer.from(`wick:${password}`).toString('base64')}`,
        ...headers,
      }),
    async stop() {
      await client.close();
      await front.close();
      rmSync(dataDir, { recursive: true, force: true });
      if (logged.length > 0) throw new Error(`unexpected log lines:\n${logged.join('\n')}`);
    },
  };
}

export function sendRequest(
  port: number,
  path: string,
  body: string | Buffer,
  headers: Record<string, string>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { port, host: '127.0.0.1', method: 'POST', path, headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => {});
        response.on('close', () => {
          const whole = Buffer.concat(chunks);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: whole,
            text: whole.toString('utf8'),
            complete: response.complete,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const POLL_MS = 20;

/** Waits until `condition` holds; the bound only ends a test that would fail anyway. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  boundMs = 20_000,
): Promise<void> {
  for (let waited = 0; !(await condition()); waited += POLL_MS) {
    if (waited >= boundMs) throw new Error(`did not happen within ${boundMs} ms: ${what}`);
    await delay(POLL_MS);
  }
}
