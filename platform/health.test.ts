/** The HTTP face of a process: alive, ready with reasons, metrics. */
import { afterEach, expect, test } from 'vitest';
import { startHealth, type HealthOptions } from './health.ts';
import { createMetrics } from './metrics.ts';

const open: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

type Checks = HealthOptions['checks'];

async function start(checks: Checks, checkTimeoutMs = 5_000) {
  const metrics = createMetrics('test');
  const app = await startHealth({ host: '127.0.0.1', port: 0, metrics, checks, checkTimeoutMs });
  open.push(app);
  return { app, metrics };
}

async function check(checks: Checks, expected: unknown): Promise<void> {
  const { app } = await start(checks, 20);
  const response = await app.inject('/health/ready');
  expect(response.json()).toEqual(expected);
}

const never = (): Promise<boolean> => new Promise(() => undefined);

test('a process without checks is ready', () => check({}, { status: 'ok', failing: {} }));

test('it is ready once every check passes', () =>
  check({ a: () => true, b: async () => true }, { status: 'ok', failing: {} }));

test('it is not ready while a check says false, throws or rejects, and says which', () =>
  check(
    {
      fine: () => true,
      slow: () => false,
      broken: () => {
        throw new Error('no socket');
      },
      away: () => Promise.reject(new Error('no store', { cause: new Error('refused') })),
    },
    {
      status: 'unavailable',
      failing: { slow: 'not yet', broken: 'no socket', away: 'no store: refused' },
    },
  ));

test('a check that hangs has failed, and the answer comes all the same', () =>
  check(
    { fine: () => true, stuck: never, stuckToo: never },
    {
      status: 'unavailable',
      failing: { stuck: 'no answer within 20 ms', stuckToo: 'no answer within 20 ms' },
    },
  ));

test('readiness is 200 or 503, liveness 200 whatever the checks say', async () => {
  let works = false;
  const { app } = await start({ work: () => works });
  expect((await app.inject('/health/ready')).statusCode).toBe(503);
  expect((await app.inject('/health/live')).statusCode).toBe(200);
  works = true;
  expect((await app.inject('/health/ready')).statusCode).toBe(200);
});

test('metrics are served as Prometheus text, with the process as a label', async () => {
  const { app, metrics } = await start({});
  metrics.counter('candles_total', 'Candles').inc(3);
  const response = await app.inject('/metrics');
  expect(response.headers['content-type']).toContain('text/plain');
  expect(response.body).toContain('wick_candles_total{process="test"} 3');
});

test('it answers over TCP and a close ends it', async () => {
  const { app } = await start({});
  const url = `${app.listeningOrigin}/health/live`;
  expect((await fetch(url)).status).toBe(200);
  await app.close();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
});
