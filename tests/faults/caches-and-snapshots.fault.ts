/** F14 and F24: snapshots under load, and a cache that goes away. */
import { beforeAll, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { usePipeline } from '../support/pipeline.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';
import {
  REDIS_EMPTIED,
  REDIS_KILLED,
  REDIS_WRONG_TYPE,
  SENT_AGAIN,
} from './faults/caches-and-snapshots.ts';
import { runFault, seedsOf } from './run-fault.ts';

const pipeline = usePipeline({
  expectedLogs: [/state cache not|latest values not|WRONGTYPE|redis|ECONNREFUSED|ECONNRESET/i],
});
let topic: TopicRecorder;

beforeAll(async () => {
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

const FAULTS = [SENT_AGAIN, REDIS_EMPTIED, REDIS_KILLED, REDIS_WRONG_TYPE];
const CASES = seedsOf(3).flatMap((seed) =>
  FAULTS.map((fault) => [fault.variant, seed, fault] as const),
);

test.each(CASES)('%s, seed %i: nothing is lost, doubled or wrong', async (_, seed, fault) => {
  await runFault(pipeline, topic, fault, seed);
});
