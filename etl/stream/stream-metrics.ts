/** What the streamer says about itself: counters for Prometheus, and whether each venue is heard. */
import type { Metrics } from '#platform/metrics.ts';
import type { StreamListener } from './run-stream.ts';

export interface StreamWatch {
  /** One per venue: true while a connection of it stands. */
  readonly checks: Readonly<Record<string, () => boolean>>;
  listener(venue: string): StreamListener;
}

export function streamMetrics(metrics: Metrics, venues: readonly string[]): StreamWatch {
  const labels = ['venue'];
  const candles = metrics.counter('stream_candles_total', 'Candles that streams told', labels);
  const lost = metrics.counter('stream_losses_total', 'Connections that were lost', labels);
  const open = metrics.gauge('stream_connections', 'Connections that stand', labels);
  const agreed = metrics.counter(
    'stream_agreed_total',
    'Closed candles that stream and venue tell alike',
    labels,
  );
  const disagreed = metrics.counter(
    'stream_disagreed_total',
    'Closed candles that stream and venue tell differently, by verdict',
    [...labels, 'verdict'],
  );
  const standing = new Map<string, number>();
  return {
    checks: Object.fromEntries(
      venues.map((venue) => [venue, () => (standing.get(venue) ?? 0) > 0]),
    ),
    listener: (venue) => ({
      candle: () => candles.inc({ venue }),
      lost: () => lost.inc({ venue }),
      connections: (count) => {
        standing.set(venue, count);
        open.set({ venue }, count);
      },
      asked: (_series, report) => {
        agreed.inc({ venue }, report.agreed);
        for (const { verdict } of report.findings) disagreed.inc({ venue, verdict });
      },
    }),
  };
}
