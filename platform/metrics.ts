/** Prometheus metrics of one process: a registry, and the default ones of Node. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** @param buckets upper bounds, in the unit that the name ends with. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
}

/** Names get the prefix `wick_`. */
export function createMetrics(process: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    counter: (name, help, labels = []) =>
      new Counter({ name: `wick_${name}`, help, labelNames: [...labels], registers }),
    gauge: (name, help, labels = []) =>
      new Gauge({ name: `wick_${name}`, help, labelNames: [...labels], registers }),
    histogram: (name, help, buckets) =>
      new Histogram({ name: `wick_${name}`, help, buckets: [...buckets], registers }),
  };
}
