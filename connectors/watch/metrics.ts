/** What the watchdog tells Prometheus. In: a look and the alarms that stand. Out: gauges. */
import type { Metrics } from '#platform/metrics.ts';
import type { Alarm } from './alarms.ts';
import { ALARM_KINDS } from './judge.ts';
import type { Look } from './look.ts';

export interface WatchMetrics {
  readonly restarts: { inc(): void };
  show(look: Look, alarms: readonly Alarm[]): void;
}

export function createWatchMetrics(metrics: Metrics): WatchMetrics {
  const slot = {
    active: metrics.gauge('slot_active', 'Somebody reads the replication slot: 1, or 0'),
    lag: metrics.gauge('slot_lag_bytes', 'WAL that change capture has not confirmed yet'),
    retained: metrics.gauge('slot_retained_bytes', 'WAL that Postgres keeps for the slot'),
    safe: metrics.gauge(
      'slot_safe_bytes',
      'WAL that may still be written before the slot is given up; -1 where nothing limits it',
    ),
  };
  const running = metrics.gauge('connector_running', 'The connector and its tasks run: 1, or 0');
  const alarm = metrics.gauge('watch_alarm', 'An alarm of this kind stands: 1, or 0', ['kind']);
  const looks = metrics.counter('watch_looks_total', 'Looks at change capture');
  return {
    restarts: metrics.counter(
      'connector_restarts_total',
      'Restarts of a failed connector or task that Kafka Connect took',
    ),
    show: ({ postgres, connect }, alarms) => {
      looks.inc();
      if (postgres !== null) {
        slot.active.set(postgres.slot?.active === true ? 1 : 0);
        slot.lag.set(postgres.slot?.lagBytes ?? 0);
        slot.retained.set(postgres.slot?.retainedBytes ?? 0);
        slot.safe.set(postgres.slot?.safeBytes ?? -1);
      }
      if (connect !== null) running.set(isRunning(connect.connector) ? 1 : 0);
      const standing = new Set(alarms.map(({ kind }) => kind));
      for (const kind of ALARM_KINDS) alarm.set({ kind }, standing.has(kind) ? 1 : 0);
    },
  };
}

function isRunning({ connector, tasks }: { connector: string; tasks: readonly string[] }): boolean {
  return tasks.length > 0 && [connector, ...tasks].every((state) => state === 'RUNNING');
}
