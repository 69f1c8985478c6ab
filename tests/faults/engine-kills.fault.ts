/** F2, F5, F6, F8, F9: engines that die or are away. */
import { beforeAll, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { usePipeline } from '../support/pipeline.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';
import {
  BROKER_KILLED,
  CLICKHOUSE_AWAY,
  CLICKHOUSE_KILLED,
  CONNECT_KILLED,
  POSTGRES_KILLED,
} from './faults/engine-kills.ts';
import { runFault, seedsOf } from './run-fault.ts';

// An engine that is gone is complained about by all who talk to it.
const pipeline = usePipeline({ expectedLogs: [/./] });
let topic: TopicRecorder;

beforeAll(async () => {
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

const FAULTS = [CONNECT_KILLED, CLICKHOUSE_KILLED, CLICKHOUSE_AWAY, POSTGRES_KILLED, BROKER_KILLED];
const CASES = seedsOf(3).flatMap((seed) =>
  FAULTS.map((fault) => [fault.variant, seed, fault] as const),
);

test.each(CASES)('%s, seed %i: nothing is lost, doubled or wrong', async (_, seed, fault) => {
  await runFault(pipeline, topic, fault, seed);
});
