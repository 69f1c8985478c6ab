/**
 * Looks one candle up in every store it passes: run, row and raw payload in Postgres, its record in
 * Kafka, its rows in ClickHouse. In: a pipeline and the candle's key. Out: what stands there, as that
 * store writes it; a candle that is missing or there twice is an error.
 */
import { seriesKey, type CandleKey } from '#core/candle.ts';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { formatInstant } from '#core/time.ts';
import { readRows } from '#platform/clickhouse.ts';
import { storedEvaluations } from './evaluations.ts';
import type { TestPipeline } from './pipeline.ts';
import { eventsOf, type CandleEvent } from './topic-recorder.ts';

export interface StoredRun {
  readonly id: string;
  readonly state: string;
}

export interface StoredRow {
  /** Of the transaction that wrote it. */
  readonly xmin: string;
  readonly raw_id: string;
  readonly observed_at: number;
}

export interface StoredPayload {
  readonly id: string;
  readonly url: string;
  readonly sha256: Buffer;
  readonly body: Buffer;
}

const PRICE_TEXTS = ['open', 'high', 'low', 'close', 'volume']
  .map((name) => `toString(${name}) as ${name}`)
  .join(', ');

export class CandleLookup {
  readonly #pipeline: TestPipeline;
  readonly #candle: CandleKey;
  /** A condition on the rows of the candle, for ClickHouse. */
  readonly #where: string;

  constructor(pipeline: TestPipeline, candle: CandleKey) {
    this.#pipeline = pipeline;
    this.#candle = candle;
    const { exchange, marketType, symbol, interval, openTime } = candle;
    this.#where = `exchange = '${exchange}' and market_type = '${marketType}'
      and symbol = '${symbol}' and interval = '${interval}'
      and toUnixTimestamp64Milli(open_time) = ${openTime}`;
  }

  async lastRun(): Promise<StoredRun> {
    const found = await this.#pipeline.pool.query<StoredRun>(
      'select * from market.ingest_runs order by id desc limit 1',
    );
    return theOnly(found.rows);
  }

  async row(): Promise<StoredRow> {
    const found = await this.#pipeline.pool.query<StoredRow>(
      `select xmin::text, * from market.candles
       where concat_ws('|', exchange, market_type, symbol, interval) = $1 and open_time = $2`,
      [seriesKey(this.#candle), formatInstant(this.#candle.openTime)],
    );
    return theOnly(found.rows);
  }

  async payload(id: string): Promise<StoredPayload> {
    const found = await this.#pipeline.pool.query<StoredPayload>(
      'select * from market.raw_payloads where id = $1',
      [id],
    );
    return theOnly(found.rows);
  }

  /** The record about the candle with this op. */
  async record(op: string): Promise<CandleEvent> {
    const topic = await this.#pipeline.record(TOPIC_CANDLES);
    const { symbol, interval, openTime } = this.#candle;
    const found = (): CandleEvent[] =>
      eventsOf(topic.records, symbol).filter(
        ({ op: kind, key }) =>
          kind === op && key.interval === interval && Date.parse(key.open_time) === openTime,
      );
    await topic.until(`a record of the candle with op ${op}`, () => found().length > 0);
    return theOnly(found());
  }

  /** Its current row of `candles`; numbers as ClickHouse prints them, times in ms. */
  async candle(): Promise<unknown> {
    return theOnly(
      await readRows(
        this.#pipeline.clickhouse,
        `select ${PRICE_TEXTS}, revision, source, toString(version) as version,
                toUnixTimestamp64Milli(observed_at) as observed_at
         from candles final where ${this.#where}`,
      ),
    );
  }

  /** All that the ledger knows of it, oldest first. */
  async ledger(): Promise<unknown[]> {
    return readRows(
      this.#pipeline.clickhouse,
      `select toString(version) as version, ${PRICE_TEXTS}, op, revision, is_deleted,
              ingest_run_id, raw_id, lsn, tx_id,
              toUnixTimestamp64Milli(committed_at) as committed_at, kafka_partition, kafka_offset
       from candle_revisions final where ${this.#where} order by candle_revisions.version`,
    );
  }

  /** Its features and signal as one text, floats by their bits. */
  async evaluation(): Promise<string> {
    const prefix = `${seriesKey(this.#candle)} ${this.#candle.openTime} `;
    const rows = await storedEvaluations(this.#pipeline.clickhouse);
    return theOnly(rows.filter((row) => row.startsWith(prefix)));
  }

  /** Version of its row in a derived table, and of the candle that the row says it was made from. */
  async versions(table: 'features' | 'signals'): Promise<unknown> {
    return theOnly(
      await readRows(
        this.#pipeline.clickhouse,
        `select toString(version) as version, toString(candle_version) as candle_version
         from ${table} final where ${this.#where}`,
      ),
    );
  }

  /** Its signal as people see it. */
  async shownSignal(): Promise<{ readonly fired: readonly string[] }> {
    return theOnly(
      await readRows<{ fired: readonly string[] }>(
        this.#pipeline.clickhouse,
        `select decision, status, fired, final_score_long, final_score_short
         from v_signals where ${this.#where}`,
      ),
    );
  }
}

function theOnly<T>(found: readonly T[]): T {
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`found ${found.length} and not one`);
  return first;
}
