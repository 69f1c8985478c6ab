/** What the analyzer counts, by metric name. In: the registry of the process. */
import type { Metrics } from '#platform/metrics.ts';

export function createAnalyzerMetrics(metrics: Metrics) {
  return {
    assigned: metrics.gauge('analyzer_partitions_assigned', 'Partitions assigned to this process'),
    lag: metrics.gauge(
      'analyzer_lag_records',
      'Records of the candle topic that the group has not committed, by partition',
      ['partition'],
    ),
    stalled: metrics.gauge(
      'analyzer_stalled',
      'Records wait and none is taken, or the broker does not tell: 1, or 0',
    ),
    applied: metrics.counter('analyzer_changes_applied_total', 'Candle changes applied'),
    skipped: metrics.counter(
      'analyzer_changes_skipped_total',
      'Candle changes delivered again or without a difference',
    ),
    refolded: metrics.counter(
      'analyzer_series_refolded_total',
      'Series of which a part was folded again, for a change in their middle or a moved anchor',
    ),
    refoldedRows: metrics.counter(
      'analyzer_rows_refolded_total',
      'Rows of features and signals that were written again for it',
    ),
    deadLetters: metrics.counter(
      'analyzer_dead_letters_total',
      'Records that could not be decoded',
    ),
    batchRows: metrics.histogram(
      'analyzer_batch_rows',
      'Rows of one shared insert into ClickHouse, of all tables',
      [1, 10, 100, 1_000, 10_000, 100_000],
    ),
    insertRetries: metrics.counter(
      'analyzer_insert_retries_total',
      'Inserts into ClickHouse that were sent again',
    ),
    published: metrics.counter(
      'analyzer_messages_published_total',
      'Messages of features and signals that were sent to their topics',
      ['topic'],
    ),
    unknownFields: metrics.counter(
      'analyzer_unknown_fields_total',
      'Fields of change messages that this version does not know; they change nothing',
    ),
    checkpoints: metrics.counter('analyzer_checkpoints_total', 'Partition checkpoints written'),
    freshness: metrics.histogram(
      'analyzer_freshness_seconds',
      'From commit in Postgres until the rows are durable in ClickHouse',
      [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
    ),
  };
}

export type AnalyzerMetrics = ReturnType<typeof createAnalyzerMetrics>;
