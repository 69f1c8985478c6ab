/** The matrix of faults by name, for docs/faults.md. A fault without a result is shown as not run. */

export interface CatalogueEntry {
  readonly id: string;
  readonly title: string;
}

const TITLES = {
  F1: 'collector killed in mid-batch',
  F2: 'Postgres killed while rows are loaded',
  F3: 'Postgres stands still for 30 s',
  F4: 'Postgres restarts while Debezium streams or takes its snapshot',
  F5: 'Kafka Connect killed again and again',
  F6: 'Kafka broker killed in mid-flush',
  F7: 'analyzer killed at a named point',
  F8: 'ClickHouse killed during inserts',
  F9: 'ClickHouse away for minutes',
  F10: 'ClickHouse stores an insert and the answer is lost',
  F11: 'API killed under load',
  F12: 'analyzers come and go: a storm of rebalances',
  F13: 'analyzer stands still past its session, and wakes up: a zombie',
  F14: 'everything sent again by a snapshot while changes stream',
  F15: 'a link between two parts is cut, or swallows everything',
  F16: 'slow and lossy links',
  F17: 'disk of Postgres full',
  F18: 'disk of Kafka full',
  F19: 'disk of ClickHouse full',
  F20: 'replication slot invalidated',
  F21: 'replication slot dropped or advanced',
  F22: 'data topic or offsets topic deleted',
  F23: 'unread records expire in Kafka',
  F24: 'Redis emptied, killed, or with a wrong type at a key',
  F25: 'clock skew and steps',
  F26: 'input three times, in disorder and days late',
  F27: 'corrupt input',
  F28: 'gaps, delistings, renames',
  F29: 'schema drift',
  F30: 'poison records in the topic',
  F31: 'huge payloads and transactions',
  F32: 'a long transaction stays open',
  F33: 'failover of Postgres',
  F34: 'analyzer out of memory under a backlog',
  G1: 'rolling restart of three analyzers under load',
  G2: 'from one to four analyzers on twelve partitions',
} as const;

/** F1 to F34, then scale-out. */
export const CATALOGUE: readonly CatalogueEntry[] = Object.entries(TITLES).map(([id, title]) => ({
  id,
  title,
}));
