/**
 * The Postgres servers that changes were captured from, as ClickHouse keeps them. In: a server that is
 * captured. Out: the one that was accepted last, with the farthest place seen. It must be told apart
 * outside of Postgres, since a restored backup brings its own memory along.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Source } from './look.ts';

export interface KnownSource extends Source {
  /** When changes were last found to be lost, epoch ms; 0 where they never were. */
  readonly lostAt: number;
  /** When all rows were last sent once more, epoch ms; 0 where they never were. */
  readonly recoveredAt: number;
}

export interface KnownSources {
  /** Null where none is known yet. @throws where the store does not answer. */
  read(): Promise<KnownSource | null>;
  /** From now on this is the one. Times only rise: 0 leaves one as it is. */
  keep(source: KnownSource): Promise<void>;
}

const RowCheck = Compile(
  Type.Object({
    system: Type.String({ pattern: '^\\d{1,20}$' }),
    timeline: Type.Integer(),
    lsn: Type.String({ pattern: '^\\d{1,20}$' }),
    lost: Type.String({ pattern: '^\\d{1,15}$' }),
    recovered: Type.String({ pattern: '^\\d{1,15}$' }),
  }),
);

export function knownSources(client: ClickHouseClient, clock: Clock): KnownSources {
  const table = CLICKHOUSE_TABLES.changeSources;
  return {
    read: async () => {
      const [row] = await readRows<unknown>(
        client,
        // A loss is one of the pipeline, whichever server it came from.
        `select system_identifier as system, timeline, toString(lsn) as lsn,
                toString(toUnixTimestamp64Milli(max(lost_at) over ())) as lost,
                toString(toUnixTimestamp64Milli(max(recovered_at) over ())) as recovered
         from ${table} final order by seen_at desc, lsn desc limit 1`,
      );
      if (row === undefined) return null;
      if (!RowCheck.Check(row)) {
        throw new AppError(
          'WICK_STORE_REFUSED',
          `ClickHouse tells "${JSON.stringify(row)}" for a row of ${table}; "npm run wick -- migrate" makes the table`,
        );
      }
      return {
        systemIdentifier: row.system,
        timeline: row.timeline,
        lsn: BigInt(row.lsn),
        lostAt: Number(row.lost),
        recoveredAt: Number(row.recovered),
      };
    },
    keep: async ({ systemIdentifier, timeline, lsn, lostAt, recoveredAt }) => {
      await client.command({
        query: `insert into ${table}
                  (system_identifier, timeline, lsn, seen_at, lost_at, recovered_at)
                select {system:String}, {timeline:UInt32}, {lsn:UInt64},
                       fromUnixTimestamp64Milli({seenAt:Int64}, 'UTC'),
                       fromUnixTimestamp64Milli({lostAt:Int64}, 'UTC'),
                       fromUnixTimestamp64Milli({recoveredAt:Int64}, 'UTC')`,
        query_params: {
          system: systemIdentifier,
          timeline,
          lsn: String(lsn),
          seenAt: clock.now(),
          lostAt,
          recoveredAt,
        },
      });
    },
  };
}
