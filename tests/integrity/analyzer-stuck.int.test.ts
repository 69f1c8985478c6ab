/**
 * An analyzer that hangs: something it waits for never settles, while its process lives and its consumer
 * beats its heart. Readiness must say so, it must end by itself with a failure, and the next one go on.
 * What hangs is ClickHouse behind a relay that stops passing bytes on.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../local/stack/wait.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 240_000;
const BOUNDS = { ANALYZER_STALLED_MS: '3000', ANALYZER_STUCK_MS: '12000' };

const pipeline = usePipeline({
  expectedLogs: [
    /records wait in partitions .* and none is taken/,
    // What hung is told as what it was when it is closed.
    /did not close cleanly/,
    /insert failed; trying again|checkpoint not written|ECONNRESET|socket hang up|Timeout/,
  ],
});

const candles = walkCandles(120, { symbol: 'STUCK/USDT', seed: 7 });
let relay: Relay;

beforeAll(async () => {
  const { CLICKHOUSE_HOST: host, CLICKHOUSE_PORT: port } = pipeline.config;
  relay = await startRelay(host, port);
  await storeCandles(pipeline.pool, candles.slice(0, 60));
  await pipeline.activate();
});

afterAll(() => relay.close());

interface Relay {
  readonly port: number;
  /** Bytes are taken and not passed on from here on. */
  hang(): void;
  close(): void;
}

async function startRelay(host: string, port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let isHanging = false;
  const server: Server = createServer((near) => {
    const far = connect({ host, port });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!isHanging) to.write(bytes);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        if (!isHanging) to.end();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return {
    port: address.port,
    hang: () => {
      isHanging = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function readiness(): Promise<{ status: number; text: string }> {
  const { analyzer } = pipeline.engines.set.ports;
  const answer = await fetch(`http://127.0.0.1:${analyzer}/health/ready`);
  return { status: answer.status, text: await answer.text() };
}

test(
  'one that hangs is not ready, then ends with a failure, and the next one goes on',
  async () => {
    const analyzer = await pipeline.startAnalyzer({
      ...BOUNDS,
      CLICKHOUSE_HOST: '127.0.0.1',
      CLICKHOUSE_PORT: String(relay.port),
    });
    await settle(pipeline);
    // Longer idle than its bounds: that nothing comes is no reason.
    const idleUntil = performance.now() + Number(BOUNDS.ANALYZER_STALLED_MS) * 2;
    const hasIdled = async (): Promise<boolean> => {
      expect(await readiness()).toMatchObject({ status: 200 });
      return performance.now() > idleUntil;
    };
    await waitFor(hasIdled, { what: 'a while without records', timeoutMs: TIMEOUT_MS });

    relay.hang();
    await storeCandles(pipeline.pool, candles.slice(60));
    const isUnready = async (): Promise<boolean> => (await readiness()).text.includes('movement');
    await waitFor(isUnready, { what: 'readiness to say so', timeoutMs: TIMEOUT_MS });
    expect(await readiness()).toMatchObject({
      status: 503,
      text: expect.stringMatching(/records wait in partitions \d+/),
    });
    expect(await analyzer.ended()).toMatchObject({ code: 1 });

    await pipeline.startAnalyzer(BOUNDS);
    await expectBothEndsEqual(pipeline);
    expect(await readiness()).toMatchObject({ status: 200 });
  },
  TEST_TIMEOUT_MS,
);
