/** What a proof looks at both stores through. In and out: nothing but the shape; who opens them closes them. */
import type { ClickHouseClient } from '#platform/clickhouse.ts';
import type { Admin } from '#platform/kafka.ts';
import type { Pool } from '#platform/postgres.ts';
import type { Producer } from '../analyzer/sink/tables.ts';

export interface ProofClients {
  readonly pool: Pool;
  readonly clickhouse: ClickHouseClient;
  /** Null where it cannot be reached: then a proof may come before the rows that it is about. */
  readonly kafka: Pick<Admin, 'fetchTopicOffsets' | 'fetchOffsets'> | null;
  /** What the analyzer runs; rows of other sets and versions do not count. */
  readonly producer: Producer;
}
