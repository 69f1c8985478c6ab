/**
 * I5: a reader that looks at the current rows while a fault is under way. In: a ClickHouse client.
 * Out: keys that were seen with a version and later with a lower one. While ClickHouse does not answer
 * it sees nothing and goes on; how often it saw something is told, since a watch that never looked
 * proves nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import { CLICKHOUSE_KEY } from './candle-check.ts';
import { violationOf, type Violation } from './violation.ts';

const TABLES = ['candles', 'features', 'signals'] as const;
const EVERY_MS = 200;

export interface VersionWatch {
  /** How many times all three tables were read so far. */
  readonly looks: number;
  /** Ends it. @returns what fell, and how many times all three tables were read. */
  stop(): Promise<{ readonly violations: readonly Violation[]; readonly looks: number }>;
}

export function watchVersions(client: ClickHouseClient): VersionWatch {
  const seen = new Map<string, bigint>();
  const fell: string[] = [];
  let looks = 0;
  const stopping = new AbortController();
  const look = async (): Promise<void> => {
    for (const table of TABLES) {
      const rows = await readRows<{ key: string; version: string }>(
        client,
        `select ${CLICKHOUSE_KEY} as key, toString(version) as version from ${table} final`,
      );
      for (const { key, version } of rows) {
        const [place, now] = [`${table} ${key}`, BigInt(version)];
        const before = seen.get(place);
        if (before !== undefined && now < before) fell.push(`${place} from ${before} to ${now}`);
        seen.set(place, now);
      }
    }
    looks += 1;
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      // It may be away on purpose; the last look, below, must succeed.
      await look().catch(() => undefined);
      await delay(EVERY_MS);
    }
  })();
  return {
    get looks() {
      return looks;
    },
    stop: async () => {
      stopping.abort();
      await watching;
      await look();
      return { violations: violationOf('I5', 'versions fell', fell), looks };
    },
  };
}
