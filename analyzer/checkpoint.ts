/**
 * Saves and restores the state of partitions. Durable in ClickHouse, cached in Redis, and when both
 * are gone rebuilt from the ledger: all three give the same state, bit for bit. A partition resumes
 * at the offset of its marker, which is written after the states it stands for; what lies between
 * marker and commit is consumed again and skipped series by series.
 */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { isInterval } from '#core/interval.ts';
import { MARKET_TYPES, type Series } from '#core/candle.ts';
import { CLICKHOUSE_TABLES, REDIS_KEYS } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import { insertRowBinary, readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Logger } from '#platform/logger.ts';
import type { Redis } from '#platform/redis.ts';
import { readHistory } from './history.ts';
import { SeriesState, type HistoricCandle, type Position } from './series-state.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { RowBinaryWriter } from './sink/row-binary.ts';

export interface CheckpointStoreOptions {
  readonly client: ClickHouseClient;
  readonly redis: Redis;
  readonly logger: Logger;
  readonly topic: string;
  readonly rules: CompiledRuleSet;
}

export interface RestoredPartition {
  /** The next offset to read; null where nothing was ever consumed. */
  readonly offset: bigint | null;
  readonly series: ReadonlyMap<string, SeriesState>;
}

/** A state as it was when a checkpoint began; later changes do not reach it. */
export interface Checkpoint {
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: bigint;
  /** Changed series with their saved states. */
  readonly changed: ReadonlyMap<string, { readonly version: bigint; readonly text: string }>;
  /** How far every series of the partition was taken. */
  readonly positions: ReadonlyMap<string, Position>;
}

const COLUMNS = ['topic', 'kafka_partition', 'series', 'kafka_offset', 'version', 'state', 'hash'];
const TABLE = CLICKHOUSE_TABLES.analyzerState;
const CACHE_SECONDS = 7 * 24 * 3600;
const MARKER = '';

const StateRow = Compile(
  Type.Object({
    series: Type.String(),
    kafka_offset: Type.String(),
    version: Type.String(),
    state: Type.String(),
    hash: Type.String(),
  }),
);
const Manifest = Compile(Type.Record(Type.String(), Type.String()));
const Cached = Compile(
  Type.Object({ version: Type.String(), state: Type.String(), hash: Type.String() }),
);

export class CheckpointStore {
  readonly #options: CheckpointStoreOptions;

  constructor(options: CheckpointStoreOptions) {
    this.#options = options;
  }

  /** Writes the states, then the marker that vouches for them. */
  async save(checkpoint: Checkpoint): Promise<void> {
    const { client } = this.#options;
    const states = new RowBinaryWriter();
    const cache = this.#options.redis.pipeline();
    for (const [series, { version, text }] of checkpoint.changed) {
      const hash = sha256(text);
      this.#writeRow(states, checkpoint, series, version, text, hash);
      const cached = JSON.stringify({ version: String(version), state: text, hash });
      cache.set(REDIS_KEYS.state(series), cached, 'EX', CACHE_SECONDS);
    }
    if (states.length > 0) await insertRowBinary(client, TABLE, COLUMNS, states.take());
    const manifest = JSON.stringify(
      Object.fromEntries(
        [...checkpoint.positions].map(([key, at]) => [key, `${at.version}:${at.openTime}`]),
      ),
    );
    const marker = new RowBinaryWriter();
    let newest = 0n;
    for (const { version } of checkpoint.positions.values()) {
      if (version > newest) newest = version;
    }
    this.#writeRow(marker, checkpoint, MARKER, newest, manifest, sha256(manifest));
    await insertRowBinary(client, TABLE, COLUMNS, marker.take());
    await this.#quietly(async () => {
      const failure = (await cache.exec())?.find(([error]) => error !== null)?.[0];
      if (failure) throw failure;
    }, 'state cache not written');
  }

  /** Brings a partition back to where its marker, or else its ledger, stands. */
  async restore(partition: number, committed: bigint | null): Promise<RestoredPartition> {
    const rows = await this.#readRows(partition);
    const marker = rows.get(MARKER);
    if (marker === undefined) return this.rebuild(partition, committed);
    if (sha256(marker.state) !== marker.hash) {
      this.#options.logger.warn(
        { partition },
        'a partition marker is damaged; rebuilding all of it',
      );
      return this.rebuild(partition, committed);
    }
    const manifest = parseManifest(marker.state);
    const offset = BigInt(marker.kafka_offset);
    const cached = await this.#readCache([...manifest.keys()]);
    const series = new Map<string, SeriesState>();
    for (const [key, position] of manifest) {
      const state =
        this.#open(cached.get(key), position) ??
        this.#open(rows.get(key), position) ??
        (await this.#rebuildSeries(key, position));
      series.set(key, state);
    }
    return { offset, series };
  }

  async #readRows(partition: number): Promise<Map<string, StoredState & { kafka_offset: string }>> {
    const rows = await readRows<unknown>(
      this.#options.client,
      `select series, toString(kafka_offset) as kafka_offset, toString(version) as version, state, hash
       from ${TABLE} final
       where topic = {topic:String} and kafka_partition = {partition:UInt16}`,
      { topic: this.#options.topic, partition },
    );
    const found = new Map<string, StoredState & { kafka_offset: string }>();
    for (const row of rows) {
      if (StateRow.Check(row)) found.set(row.series, row);
    }
    return found;
  }

  async #readCache(keys: readonly string[]): Promise<Map<string, StoredState>> {
    const found = new Map<string, StoredState>();
    await this.#quietly(async () => {
      for (const key of keys) {
        const text = await this.#options.redis.get(REDIS_KEYS.state(key));
        if (text === null) continue;
        const json: unknown = JSON.parse(text);
        if (Cached.Check(json)) found.set(key, json);
      }
    }, 'state cache not read');
    return found;
  }

  /** A stored state when it is whole and the one that is wanted; else null. */
  #open(stored: StoredState | undefined, position: Position): SeriesState | null {
    if (stored === undefined || BigInt(stored.version) !== position.version) return null;
    if (sha256(stored.state) !== stored.hash) {
      this.#options.logger.warn('a stored state does not match its hash; rebuilding it');
      return null;
    }
    try {
      return SeriesState.restore(this.#options.rules, stored.state);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // Another feature set or layout: the ledger still has the candles.
      this.#options.logger.info({ reason: error.message }, 'rebuilding a series');
      return null;
    }
  }

  /** Folds the ledger up to and including `position`, and not a row further. */
  async #rebuildSeries(key: string, position: Position): Promise<SeriesState> {
    const { client, rules } = this.#options;
    const history: HistoricCandle[] = await readHistory(client, parseSeriesKey(key), {
      version: position.version,
      openTime: position.openTime + 1,
    });
    const state = new SeriesState(rules);
    state.refold(history, [], position, () => undefined);
    return state;
  }

  /**
   * The partition as the ledger has it below `committed`. Without a ledger nothing is known and
   * everything is consumed again.
   */
  async rebuild(partition: number, committed: bigint | null): Promise<RestoredPartition> {
    const series = new Map<string, SeriesState>();
    if (committed === null) return { offset: null, series };
    const ends = await readRows<{ key: string; version: string; openTime: string }>(
      this.#options.client,
      `select concat(exchange, '|', market_type, '|', symbol, '|', interval) as key,
              toString(argMax(version, kafka_offset)) as version,
              toString(argMax(if(is_deleted = 1, 0, toUnixTimestamp64Milli(open_time)),
                              kafka_offset)) as openTime
       from ${CLICKHOUSE_TABLES.candleRevisions}
       where kafka_partition = {partition:UInt16} and kafka_offset < {committed:UInt64}
       group by key`,
      { partition, committed: String(committed) },
    );
    for (const { key, version, openTime } of ends) {
      const position = { version: BigInt(version), openTime: Number(openTime) };
      series.set(key, await this.#rebuildSeries(key, position));
    }
    return { offset: ends.length === 0 ? null : committed, series };
  }

  #writeRow(
    writer: RowBinaryWriter,
    checkpoint: Checkpoint,
    series: string,
    version: bigint,
    state: string,
    hash: string,
  ): void {
    writer.string(this.#options.topic);
    writer.uint16(checkpoint.partition);
    writer.string(series);
    writer.uint64(checkpoint.offset);
    writer.uint128(version);
    writer.string(state);
    writer.string(hash);
  }

  /** Redis only caches: without it everything works, more slowly. */
  async #quietly(work: () => Promise<void>, message: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.logger.warn({ err: errorText(error) }, message);
    }
  }
}

interface StoredState {
  readonly version: string;
  readonly state: string;
  readonly hash: string;
}

function parseManifest(text: string): Map<string, Position> {
  const json: unknown = JSON.parse(text);
  if (!Manifest.Check(json)) {
    throw new AppError('WICK_ANALYZER_STATE_INVALID', 'a partition marker is not a manifest');
  }
  return new Map(
    Object.entries(json).map(([series, position]) => {
      const [version = '', openTime = ''] = position.split(':');
      return [series, { version: BigInt(version), openTime: Number(openTime) }];
    }),
  );
}

function parseSeriesKey(key: string): Series {
  const [exchange = '', market = '', symbol = '', interval = ''] = key.split('|');
  const marketType = MARKET_TYPES.find((type) => type === market);
  if (marketType === undefined || !isInterval(interval)) {
    throw new AppError('WICK_ANALYZER_STATE_INVALID', `"${key}" is not a series key`);
  }
  return { exchange, marketType, symbol, interval };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
