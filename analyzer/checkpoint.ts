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
import { insertNative, readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Logger } from '#platform/logger.ts';
import type { Redis } from '#platform/redis.ts';
import { newestVersion, parsePosition, positionText, START, type Position } from './position.ts';
import { foldStored } from './refold.ts';
import type { SeriesHistory } from './series-history.ts';
import { SeriesState } from './series-state.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { DictionaryColumn, encodeBlock, PlainColumn } from './sink/native-block.ts';
import { WAYPOINT_CANDLES, type Waypoint } from './waypoint.ts';

export interface CheckpointStoreOptions {
  readonly client: ClickHouseClient;
  readonly redis: Redis;
  readonly logger: Logger;
  readonly topic: string;
  readonly rules: CompiledRuleSet;
  readonly history: SeriesHistory;
}

/** What restoring lets happen while it folds. */
export interface RestoreOptions {
  /** Called between pages: a long restore must not look dead. What it throws ends it. */
  readonly breathe?: () => Promise<void>;
  readonly waypoint?: (key: string, waypoint: Waypoint) => void;
}

export interface RestoredPartition {
  /** Series whose state was folded anew: it is not stored as it is now. */
  readonly rebuilt: ReadonlySet<string>;
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

const LedgerEnd = Compile(
  Type.Object({
    key: Type.String(),
    version: Type.String(),
    openTime: Type.String(),
    rows: Type.Array(Type.String()),
  }),
);

/** How far the ledger of a partition goes below an offset, by series: the parts of a Position. */
const LEDGER_ENDS = `
  with below as (
    select concat(exchange, '|', market_type, '|', symbol, '|', interval) as key, version, op,
           toUnixTimestamp64Milli(open_time) as t, kafka_offset
    from ${CLICKHOUSE_TABLES.candleRevisions} final
    where kafka_partition = {partition:UInt16} and kafka_offset < {committed:UInt64}
  )
  select key, toString(version) as version, toString(maxIf(t, op in ('r', 'i'))) as openTime,
         arrayMap(row -> toString(tupleElement(row, 2)),
                  arraySort(groupArrayIf(tuple(kafka_offset, if(op = 'd', -t, t)), op not in ('r', 'i')))) as rows
  from below
  where (key, version) in (select key, argMax(version, kafka_offset) from below group by key)
  group by key, version`;

/** The last move of each series' anchor below an offset. */
const ANCHOR_ENDS = `
  select concat(exchange, '|', market_type, '|', symbol, '|', interval) as key,
         toString(max(version)) as newest
  from ${CLICKHOUSE_TABLES.anchors}
  where kafka_partition = {partition:UInt16} and kafka_offset < {committed:UInt64}
  group by key`;
/** The last change of each series' gaps below an offset. */
const GAP_ENDS = ANCHOR_ENDS.replace(CLICKHOUSE_TABLES.anchors, CLICKHOUSE_TABLES.gapRevisions);
const LastVersion = Compile(Type.Object({ key: Type.String(), newest: Type.String() }));

export class CheckpointStore {
  readonly #options: CheckpointStoreOptions;

  constructor(options: CheckpointStoreOptions) {
    this.#options = options;
  }

  /** Writes the states, then the marker that vouches for them. */
  async save(checkpoints: readonly Checkpoint[]): Promise<void> {
    const { client } = this.#options;
    const states = stateColumns();
    const markers = stateColumns();
    const cache = this.#options.redis.pipeline();
    for (const checkpoint of checkpoints) {
      for (const [series, { version, text }] of checkpoint.changed) {
        const hash = sha256(text);
        this.#writeRow(states, checkpoint, series, version, text, hash);
        const cached = JSON.stringify({ version: String(version), state: text, hash });
        cache.set(REDIS_KEYS.state(series), cached, 'EX', CACHE_SECONDS);
      }
      const { newest, manifest } = manifestOf(checkpoint.positions);
      this.#writeRow(markers, checkpoint, MARKER, newest, manifest, sha256(manifest));
    }
    if (states.series.length > 0) await insertNative(client, TABLE, encodeBlock(states));
    await insertNative(client, TABLE, encodeBlock(markers));
    await this.#quietly(async () => {
      const failure = (await cache.exec())?.find(([error]) => error !== null)?.[0];
      if (failure) throw failure;
    }, 'state cache not written');
  }

  /** Brings a partition back to where its marker, or else its ledger, stands. */
  async restore(
    partition: number,
    committed: bigint | null,
    options: RestoreOptions = {},
  ): Promise<RestoredPartition> {
    const rows = await this.#readRows(partition);
    const marker = rows.get(MARKER);
    if (marker === undefined) return this.rebuild(partition, committed, options);
    const manifest = sha256(marker.state) === marker.hash ? parseManifest(marker.state) : null;
    if (manifest === null) {
      this.#options.logger.warn(
        { partition },
        'a partition marker is damaged; rebuilding all of it',
      );
      return this.rebuild(partition, committed, options);
    }
    const offset = BigInt(marker.kafka_offset);
    const cached = await this.#readCache([...manifest.keys()]);
    const series = new Map<string, SeriesState>();
    const rebuilt = new Set<string>();
    for (const [key, position] of manifest) {
      const state = this.#open(cached.get(key), position) ?? this.#open(rows.get(key), position);
      if (state === null) rebuilt.add(key);
      series.set(key, state ?? (await this.#rebuildSeries(key, position, options)));
    }
    return { offset, series, rebuilt };
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
    if (stored === undefined || BigInt(stored.version) !== newestVersion(position)) return null;
    if (sha256(stored.state) !== stored.hash) {
      this.#options.logger.warn('a stored state does not match its hash; rebuilding it');
      return null;
    }
    try {
      const state = SeriesState.restore(this.#options.rules, stored.state);
      return positionText(state.position) === positionText(position) ? state : null;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // Another feature set or layout: the ledger still has the candles.
      this.#options.logger.info({ reason: error.message }, 'rebuilding a series');
      return null;
    }
  }

  /** Folds the ledger up to and including `position`, and not a row further. */
  async #rebuildSeries(
    key: string,
    position: Position,
    { breathe = async () => undefined, waypoint }: RestoreOptions,
  ): Promise<SeriesState> {
    const { history, rules } = this.#options;
    const series = parseSeriesKey(key);
    const state = new SeriesState(rules);
    state.position = position;
    state.anchor = await history.anchor(series, position);
    state.holes = await history.holes(series, position);
    const options = {
      history,
      holes: state.holes,
      waypointCandles: WAYPOINT_CANDLES,
      breathe,
      waypoint: (passed: Waypoint) => waypoint?.(key, passed),
    };
    state.settle(await foldStored(rules, series, position, state.anchor, options));
    return state;
  }

  /**
   * The partition as the ledger has it below `committed`. Without a ledger nothing is known and
   * everything is consumed again.
   */
  async rebuild(
    partition: number,
    committed: bigint | null,
    options: RestoreOptions = {},
  ): Promise<RestoredPartition> {
    const series = new Map<string, SeriesState>();
    if (committed === null) return { offset: null, series, rebuilt: new Set() };
    const ends = await this.#ledgerEnds({ partition, committed: String(committed) });
    for (const [key, position] of ends) {
      series.set(key, await this.#rebuildSeries(key, position, options));
    }
    return { offset: ends.size === 0 ? null : committed, series, rebuilt: new Set(ends.keys()) };
  }

  async #ledgerEnds(below: Record<string, unknown>): Promise<ReadonlyMap<string, Position>> {
    const { client } = this.#options;
    const positions = new Map<string, Position>();
    for (const row of await readRows<unknown>(client, LEDGER_ENDS, below)) {
      if (!LedgerEnd.Check(row)) throw unexpected(row);
      const { key, version, openTime, rows } = row;
      positions.set(key, {
        ...START,
        version: BigInt(version),
        openTime: Number(openTime),
        rows: rows.map(Number),
      });
    }
    for (const [query, field] of [
      [ANCHOR_ENDS, 'anchor'],
      [GAP_ENDS, 'gap'],
    ] as const) {
      for (const row of await readRows<unknown>(client, query, below)) {
        if (!LastVersion.Check(row)) throw unexpected(row);
        const position = positions.get(row.key) ?? START;
        positions.set(row.key, { ...position, [field]: BigInt(row.newest) });
      }
    }
    return positions;
  }

  #writeRow(
    columns: ReturnType<typeof stateColumns>,
    checkpoint: Checkpoint,
    series: string,
    version: bigint,
    state: string,
    hash: string,
  ): void {
    columns.topic.string(this.#options.topic);
    columns.kafka_partition.next.uint16(checkpoint.partition);
    columns.series.next.string(series);
    columns.kafka_offset.next.uint64(checkpoint.offset);
    columns.version.next.uint128(version);
    columns.state.next.string(state);
    columns.hash.next.string(hash);
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

function stateColumns() {
  return {
    topic: new DictionaryColumn(),
    kafka_partition: new PlainColumn('UInt16'),
    series: new PlainColumn('String'),
    kafka_offset: new PlainColumn('UInt64'),
    version: new PlainColumn('UInt128'),
    state: new PlainColumn('String'),
    hash: new PlainColumn('String'),
  };
}

interface StoredState {
  readonly version: string;
  readonly state: string;
  readonly hash: string;
}

function manifestOf(positions: Checkpoint['positions']): {
  readonly newest: bigint;
  readonly manifest: string;
} {
  let newest = 0n;
  for (const position of positions.values()) {
    const version = newestVersion(position);
    if (version > newest) newest = version;
  }
  const texts = [...positions].map(([key, at]) => [key, positionText(at)]);
  return { newest, manifest: JSON.stringify(Object.fromEntries(texts)) };
}

/** Null when it is not a manifest, or one of another layout. */
function parseManifest(text: string): Map<string, Position> | null {
  const json: unknown = JSON.parse(text);
  if (!Manifest.Check(json)) return null;
  const positions = new Map<string, Position>();
  for (const [series, found] of Object.entries(json)) {
    const position = parsePosition(found);
    if (position === null) return null;
    positions.set(series, position);
  }
  return positions;
}

function unexpected(row: unknown): Error {
  return new Error(`the ledger answered with an unexpected row: ${JSON.stringify(row)}`);
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
