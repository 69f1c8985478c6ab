/**
 * A stream on a real Postgres from a venue whose every frame and answer the test decides: a real
 * WebSocket server beside answers out of a table, and a stepped clock. In: the test's database. Out: the
 * stream of the test at hand; it is begun before each test and ended after it.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach } from 'vitest';
import { WebSocketServer } from 'ws';
import type { Candle } from '#core/candle.ts';
import { nextOpen } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import type {
  CandlePage,
  CandleRequest,
  StreamMessage,
  VenueAdapter,
} from '../../etl/extract/venue.ts';
import { runStream } from '../../etl/stream/run-stream.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandle } from './candles.ts';
import type { TestDatabase } from './postgres.ts';
import { recordLogger } from './recorded-logger.ts';

const MINUTE = 60_000;
const INSTRUMENT = {
  exchange: TEST_SERIES.exchange,
  marketType: TEST_SERIES.marketType,
  symbol: TEST_SERIES.symbol,
  base: 'BTC',
  quote: 'USDT',
  venueSymbol: 'BTCUSDT',
  aliases: [],
  isTrading: true,
  venueStatus: 'TRADING',
  onboardTime: null,
  delistTime: null,
  tickSize: null,
  stepSize: null,
} as const;

/** A moment of the test: minute 0 is the first candle's open time. */
export const at = (minutes: number, ms = 0): EpochMs =>
  epochMs(TEST_OPEN_TIME + minutes * MINUTE + ms);

export const candle = (minute: number, changes: Partial<Candle> = {}): Candle =>
  testCandle({ openTime: at(minute), source: 'rest', ...changes });

export async function until(what: string, fits: () => Promise<boolean>): Promise<void> {
  await waitFor(fits, { what, timeoutMs: 20_000 });
}

export interface StoredRow {
  readonly minute: number;
  readonly close: string;
  readonly source: string;
  readonly is_closed: boolean;
  readonly revision: number;
}

/** Call at the top of a test file; the result may be used inside its tests. */
export function useScriptedStream(database: TestDatabase): ScriptedStream {
  const stream = new ScriptedStream(database);
  beforeEach(() => stream.begin());
  afterEach(() => stream.end());
  return stream;
}

export class ScriptedStream {
  readonly #database: TestDatabase;
  #server = new WebSocketServer({ noServer: true });
  #stop = new AbortController();
  #connections = 0;
  clock = createManualClock(at(0));
  running: Promise<void> = Promise.resolve();
  /** What the venue answers: its truth, by open time. */
  truth = new Map<number, Candle>();
  /** Why connections were lost. */
  lost: string[] = [];

  constructor(database: TestDatabase) {
    this.#database = database;
  }

  async begin(): Promise<void> {
    await this.#database.pool.query(
      'truncate market.candles, market.ingest_runs, market.raw_payloads, market.quarantine, market.stream_checks restart identity cascade',
    );
    this.clock = createManualClock(at(0, 1_000));
    this.truth = new Map();
    this.lost = [];
    this.#stop = new AbortController();
    this.#connections = 0;
    this.#server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    this.#server.on('connection', () => (this.#connections += 1));
    await once(this.#server, 'listening');
    this.running = runStream({
      adapter: this.#venue(),
      pool: this.#database.pool,
      series: [{ instrument: INSTRUMENT, interval: '1m', from: at(0) }],
      clock: this.clock,
      random: () => 0,
      logger: recordLogger().logger,
      signal: this.#stop.signal,
      on: { lost: (reason) => this.lost.push(reason) },
    });
    this.running.catch(() => undefined);
    await this.connected(1);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    this.cut();
    await Promise.allSettled([this.running]);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Asks the stream to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.running;
  }

  /** Ends all connections without a word. */
  cut(): void {
    for (const client of this.#server.clients) client.terminate();
  }

  tell(...messages: readonly StreamMessage[]): void {
    for (const client of this.#server.clients) client.send(JSON.stringify(messages));
  }

  tellCandle(told: Candle): void {
    this.tell({
      kind: 'candle',
      candle: { ...told, source: 'ws' },
      venueTime: this.clock.now(),
    });
  }

  async connected(count: number): Promise<void> {
    await until('a connection', async () => Promise.resolve(this.#connections >= count));
  }

  async stored(): Promise<StoredRow[]> {
    const { rows } = await this.#database.pool.query<
      Omit<StoredRow, 'minute'> & { open_time: EpochMs }
    >(
      'select open_time, close, source, is_closed, revision from market.candles order by open_time',
    );
    return rows.map(({ open_time, ...row }) => ({ minute: (open_time - at(0)) / MINUTE, ...row }));
  }

  /** A venue whose frames are our own messages as JSON. */
  #venue(): VenueAdapter {
    const { port } = this.#server.address() as AddressInfo;
    return {
      id: TEST_SERIES.exchange,
      marketType: TEST_SERIES.marketType,
      intervals: ['1m'],
      reachCandles: null,
      fetchServerTime: () => Promise.resolve(this.clock.now()),
      fetchInstruments: () => Promise.resolve([INSTRUMENT]),
      findInstrument: () => Promise.reject(new Error('instruments are given here')),
      fetchFunding: null,
      fetchCandles: (request) => this.#answer(request),
      stream: {
        intervals: ['1m'],
        seriesMax: 10,
        url: () => `ws://127.0.0.1:${port}`,
        subscribe: () => [],
        keepAlive: null,
        silenceMsMax: 60_000,
        lifetimeMsMax: 86_400_000,
        read: (frame) => JSON.parse(frame) as StreamMessage[],
      },
      close: () => undefined,
    };
  }

  async *#answer({ from, to }: CandleRequest): AsyncGenerator<CandlePage, void, undefined> {
    const now = this.clock.now();
    const candles = [...this.truth.values()]
      .filter(
        ({ openTime }) => openTime >= from && openTime < to && nextOpen('1m', openTime) <= now,
      )
      .sort((a, b) => a.openTime - b.openTime);
    yield await Promise.resolve({
      series: TEST_SERIES,
      candles: candles.map((each, index) => ({ candle: each, index, row: [each.openTime] })),
      rejects: [],
      raw: { url: 'http://venue/klines', fetchedAt: now, body: JSON.stringify(candles) },
      venueNow: now,
      weightUsed: null,
    });
  }
}
