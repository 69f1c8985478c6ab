/**
 * Change events a second through the real connector, from rows committed while it was paused to the
 * topic's end offsets, beside one raw read of the same WAL by pgoutput. The raw read is what any
 * logical consumer must wait for, so the ratio is what the connector costs on top.
 */
import { fillTopic } from './candle-topic.ts';
import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
import { spreadOf } from './statistics.ts';

/** pg_recvlogical of one bulk transaction of narrower rows. */
const PUBLISHED_RAW = 300_000;

export async function debeziumBench(context: BenchContext): Promise<Measured[]> {
  const { rounds } = await context.once(fillTopic);
  const raw = rounds.map(({ rows, rawSeconds }) => rows / rawSeconds);
  const baseline = { name: 'raw pgoutput read', spread: spreadOf(raw), published: PUBLISHED_RAW };
  return rounds.map(({ rows, connectorSeconds }, index) => ({
    bench: 'debezium',
    name: index === 0 ? 'first load after start' : 'load when warm',
    unit: 'events/s',
    spread: spreadOf([rows / connectorSeconds]),
    baseline,
    bar: null,
  }));
}
