import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('names get the prefix, and every sample the process', async () => {
  const metrics = createMetrics('analyzer');
  metrics.counter('rows_total', 'Rows', ['table']).inc({ table: 'candles' }, 2);
  metrics.gauge('lag', 'Records behind').set(7);
  metrics.histogram('wait_seconds', 'Waiting', [0.1, 1]).observe(0.5);
  const text = await metrics.registry.metrics();
  expect(text).toContain('wick_rows_total{table="candles",process="analyzer"} 2');
  expect(text).toContain('wick_lag{process="analyzer"} 7');
  expect(text).toContain('wick_wait_seconds_bucket{le="0.1",process="analyzer"} 0');
  expect(text).toContain('wick_wait_seconds_bucket{le="1",process="analyzer"} 1');
  expect(text).toContain('process_resident_memory_bytes{process="analyzer"}');
});

test('two processes in one test do not share their metrics', async () => {
  const [a, b] = [createMetrics('a'), createMetrics('b')];
  a.counter('rows_total', 'Rows').inc();
  b.counter('rows_total', 'Rows');
  expect(await b.registry.metrics()).toContain('wick_rows_total{process="b"} 0');
});

test('a name is given once', () => {
  const metrics = createMetrics('a');
  metrics.counter('rows_total', 'Rows');
  expect(() => metrics.gauge('rows_total', 'Rows')).toThrow(/already been registered/);
});
