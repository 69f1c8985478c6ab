/**
 * Every name that two stages share: tables, topics, groups, keys. A stage meets another only at a
 * name in this file, so a rename is one change.
 */

/** Postgres. */
export const POSTGRES_SCHEMA = 'market';
/**
 * Tables whose rows change capture carries, all of them in the candle topic, in the order of a snapshot:
 * what bears on candles first, or they would be folded twice.
 */
export const CAPTURED_TABLES = ['anchors', 'gaps', 'candles', 'funding_rates'] as const;
export const PUBLICATION = 'wickstream';
export const REPLICATION_SLOT = 'wickstream';

/** Debezium connector. */
export const CONNECTOR_NAME = 'wickstream-postgres';
export const TOPIC_PREFIX = 'wickstream';

/** Kafka. */
export const TOPIC_CANDLES = 'wickstream.market.candles';
export const TOPIC_CDC_SIGNAL = 'wickstream.market.cdc_signal';
export const TOPIC_CDC_NOTIFICATIONS = 'wickstream.cdc.notifications';
/** Fixed for ever: another count would move series between partitions. */
export const CANDLE_PARTITIONS = 12;
/** Records that could not be applied, raw, with their reason. */
export const TOPIC_DLQ = 'wickstream.dlq';
/** What became of dead letters, by where their records came from. */
export const TOPIC_DLQ_MARKS = 'wickstream.dlq.marks';
/** What the analyzer derives, for others; in the partitions that their series have above. */
export const TOPIC_FEATURES = 'wickstream.features.v1';
export const TOPIC_SIGNALS = 'wickstream.signals.v1';
export const GROUP_ANALYZER = 'wickstream-analyzer';

/** Redis keys; `{…}` keeps the keys of one series in one cluster slot. */
export const REDIS_KEYS = {
  latest: (series: string): string => `wick:latest:{${series}}`,
  state: (series: string): string => `wick:state:{${series}}`,
  watermark: (job: string): string => `wick:watermark:{${job}}`,
  /** Weight that all workers used of a venue's allowance in the window that begins then. */
  venueUsed: (venue: string, window: number): string => `wick:venue:{${venue}}:used:${window}`,
  /** Until when a venue asked to be left alone, epoch ms. */
  venuePause: (venue: string): string => `wick:venue:{${venue}}:pause`,
  venueBan: (venue: string): string => `wick:venue:{${venue}}:ban`,
  /** When a host of web sources may be asked next, epoch ms. */
  webTurn: (host: string): string => `wick:web:{${host}}:turn`,
  /** What robots.txt of an origin says. */
  webRobots: (origin: string): string => `wick:web:{${origin}}:robots`,
} as const;

/** ClickHouse tables, in the database that the configuration names. */
export const CLICKHOUSE_TABLES = {
  candles: 'candles',
  candleRevisions: 'candle_revisions',
  features: 'features',
  signals: 'signals',
  gaps: 'gaps',
  gapRevisions: 'gap_revisions',
  fundingRates: 'funding_rates',
  anchors: 'anchors',
  waypoints: 'waypoints',
  analyzerState: 'analyzer_state',
  changeSources: 'change_sources',
} as const;

/** Postgres advisory locks: migrate alone, the others with the name of what is worked on. */
export const ADVISORY_LOCKS = {
  migrate: 7_490_001,
  job: 7_490_003,
  series: 7_490_004,
  /** Of a process that opens runs, by its worker's name. */
  worker: 7_490_005,
} as const;
