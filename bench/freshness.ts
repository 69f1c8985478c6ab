/**
 * From the commit in Postgres until a SELECT in ClickHouse returns the candle's signal, beside the
 * bare path of the same run: same connector, own consumer, one raw insert. Each candle is one
 * transaction; its clock starts when the driver has the commit's acknowledgement and stops when the
 * answer that holds it has arrived. Both sides are asked in the same way and never run together.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PipelineClients } from '../scripts/pipeline/pipeline-clients.ts';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import {
  clickHouseOptions,
  createClickHouse,
  readRows,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';
import { startAnalyzerProcess } from './analyzer-process.ts';
import { countRecords, loadCandles, untilRecords } from './candle-topic.ts';
import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
import {
  numberOf,
  openTimeOf,
  PACED_EXCHANGE,
  pacedCandle,
  SERIES,
  WRITERS,
  writePaced,
} from './paced-writer.ts';
import { percentile, spreadOf } from './statistics.ts';

const ROUNDS = 3;
const RATES = [200, 1_000] as const;
const SECONDS = 10;
/** At the beginning of each phase; not counted. */
const WARM_SECONDS = 2;
/** Enough for every feature to have its warm-up. */
const HISTORY_CANDLES = 60;
/** Between two looks; the same for both sides. */
const LOOK_MS = 10;
const STRAGGLER_MS = 30_000;
const DRAIN_TIMEOUT_MS = 120_000;
const TIMES_MAX = 2;
const DATABASE = 'bench_freshness';
const BARE_TABLE = 'bare_candles';
/** The bare path's prototype at 1,000/s, p50 and p99 in ms. */
const PUBLISHED: Readonly<Record<number, readonly [number, number]>> = { 1_000: [22, 46] };

type Side = 'ours' | 'bare';
/** Latencies in ms of each phase, by rate. */
type Phases = Record<Side, Map<number, number[][]>>;

export async function freshnessBench(context: BenchContext): Promise<Measured[]> {
  const bench = await prepare(context);
  const phases: Phases = { ours: new Map(), bare: new Map() };
  for (let round = 0; round < ROUNDS; round += 1) {
    const order: Side[] = round % 2 === 0 ? ['bare', 'ours'] : ['ours', 'bare'];
    for (const side of order) {
      context.signal.throwIfAborted();
      const stop = await startSide(bench, side, round === 0);
      try {
        for (const rate of RATES) await measurePhase(bench, side, rate, phases);
      } finally {
        await stop();
      }
    }
  }
  return RATES.flatMap((rate) => figures(rate, phases));
}

interface Bench {
  readonly context: BenchContext;
  readonly clients: PipelineClients;
  readonly writers: Pool;
  readonly clickhouse: ClickHouseClient;
  /** Number of the next candle. */
  next: number;
}

async function prepare(context: BenchContext): Promise<Bench> {
  const stack = await context.stack();
  const clients = await stack.pipeline();
  const before = await countRecords(clients);
  const history = Array.from({ length: SERIES * HISTORY_CANDLES }, (_, n) => pacedCandle(n));
  await loadCandles(clients.pool, history);
  await untilRecords(clients, before + history.length);
  const writers = createPostgresPool({
    ...postgresOptions(stack.config, 'wickstream-bench'),
    connectionsMax: WRITERS,
  });
  context.onClose(() => writers.end());
  const options = { ...clickHouseOptions(stack.config, 'wickstream-bench'), database: DATABASE };
  const clickhouse = createClickHouse(options);
  context.onClose(() => clickhouse.close());
  return { context, clients, writers, clickhouse, next: history.length };
}

/** @returns what stops it again. */
async function startSide(bench: Bench, side: Side, first: boolean): Promise<() => Promise<void>> {
  const stack = await bench.context.stack();
  if (side === 'ours') {
    const analyzer = await startAnalyzerProcess(stack, bench.clients, {
      database: DATABASE,
      anew: first,
    });
    await analyzer.joinedAt();
    await analyzer.untilDrained(DRAIN_TIMEOUT_MS);
    return () => analyzer.stop();
  }
  if (first) await createBareTable(stack.config);
  const bare = await stack.spawnNode('bare-path', 'bench/processes/bare-path.ts', {
    args: ['--table', BARE_TABLE],
    env: { CLICKHOUSE_DATABASE: DATABASE },
    readyUrl: `http://127.0.0.1:${stack.config.ANALYZER_HTTP_PORT}/health/ready`,
  });
  return () => bare.stop();
}

async function measurePhase(
  bench: Bench,
  side: Side,
  perSecond: number,
  phases: Phases,
): Promise<void> {
  const { context, clickhouse } = bench;
  const from = bench.next;
  const count = perSecond * (WARM_SECONDS + SECONDS);
  bench.next += count;
  const table = side === 'ours' ? CLICKHOUSE_TABLES.signals : BARE_TABLE;
  const { signal } = context;
  const watch = new Watch(clickhouse, { table, from, count });
  const watching = watch.untilAllSeen(signal);
  watching.catch(() => undefined);
  const written = await writePaced(bench.writers, { from, count, perSecond, signal });
  watch.deadline = performance.now() + STRAGGLER_MS;
  const seenAt = await watching;
  const latencies: number[] = [];
  for (let index = perSecond * WARM_SECONDS; index < count; index += 1) {
    latencies.push(seenAt[index]! - written.committedAt[index]!);
  }
  const known = phases[side].get(perSecond) ?? [];
  phases[side].set(perSecond, [...known, latencies]);
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  context.say(
    `freshness: ${side} at ${written.perSecond.toFixed(0)}/s: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${watch.looks} looks`,
  );
}

/** Asks again and again which candles of a range can be seen, until all are. */
class Watch {
  readonly #clickhouse: ClickHouseClient;
  readonly #table: string;
  readonly #from: number;
  readonly #seenAt: Float64Array;
  /** After this the missing ones are given up. */
  deadline = Infinity;
  looks = 0;

  constructor(
    clickhouse: ClickHouseClient,
    range: { readonly table: string; readonly from: number; readonly count: number },
  ) {
    this.#clickhouse = clickhouse;
    this.#table = range.table;
    this.#from = range.from;
    this.#seenAt = new Float64Array(range.count);
  }

  /** `performance.now()` of the first answer that held each candle. */
  async untilAllSeen(signal: AbortSignal): Promise<Float64Array> {
    const seenAt = this.#seenAt;
    for (let oldest = 0; oldest < seenAt.length;) {
      signal.throwIfAborted();
      if (performance.now() > this.deadline) {
        throw new Error(`candle ${this.#from + oldest} never came to ${this.#table}`);
      }
      await this.#look(openTimeOf(this.#from + oldest));
      while (oldest < seenAt.length && seenAt[oldest] !== 0) oldest += 1;
      await delay(LOOK_MS);
    }
    return seenAt;
  }

  async #look(low: number): Promise<void> {
    const rows = await readRows<{ t: string }>(
      this.#clickhouse,
      `select toString(toUnixTimestamp64Milli(open_time)) as t from ${this.#table}
       where exchange = {exchange:String}
         and open_time >= fromUnixTimestamp64Milli({low:Int64}, 'UTC')`,
      { exchange: PACED_EXCHANGE, low },
    );
    const now = performance.now();
    this.looks += 1;
    for (const { t } of rows) {
      const index = numberOf(Number(t)) - this.#from;
      if (index < this.#seenAt.length && this.#seenAt[index] === 0) this.#seenAt[index] = now;
    }
  }
}

/** The columns of a candle and nothing of ours: no version, no second table. */
async function createBareTable(config: Parameters<typeof clickHouseOptions>[0]): Promise<void> {
  const client = createClickHouse({
    ...clickHouseOptions(config, 'wickstream-bench'),
    database: 'default',
  });
  await client.command({ query: `create database if not exists ${DATABASE}` });
  await client.command({
    query: `create table ${DATABASE}.${BARE_TABLE} (
      exchange LowCardinality(String), market_type LowCardinality(String),
      symbol LowCardinality(String), interval LowCardinality(String),
      open_time DateTime64(3, 'UTC'), open Decimal(38, 18), high Decimal(38, 18),
      low Decimal(38, 18), close Decimal(38, 18), volume Nullable(Decimal(38, 18)),
      observed_at DateTime64(3, 'UTC'), source LowCardinality(String)
    ) engine = MergeTree partition by toYear(open_time)
    order by (exchange, market_type, symbol, interval, open_time)
    settings fsync_after_insert = 1, fsync_part_directory = 1`,
  });
  await client.close();
}

function figures(rate: number, phases: Phases): Measured[] {
  const ours = phases.ours.get(rate) ?? [];
  const bare = phases.bare.get(rate) ?? [];
  return ([0.5, 0.99] as const).map((rank, index) => ({
    bench: 'freshness',
    name: `p${rank * 100} at ${rate}/s`,
    unit: 'ms',
    spread: spreadOf(ours.map((latencies) => percentile(latencies, rank))),
    baseline: {
      name: 'bare path',
      spread: spreadOf(bare.map((latencies) => percentile(latencies, rank))),
      published: PUBLISHED[rate]?.[index] ?? null,
    },
    bar: { kind: 'times_max', times: TIMES_MAX },
  }));
}
