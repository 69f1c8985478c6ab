/** F12, F13 and scale-out: several analyzers in one group. */
import { beforeAll, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { usePipeline } from '../support/pipeline.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';
import { GROWING, ROLLING, STORM, ZOMBIE } from './faults/several-analyzers.ts';
import { runFault, seedsOf } from './run-fault.ts';

const pipeline = usePipeline({
  expectedLogs: [
    /rebalanc/i,
    /ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID/,
    /offsets not committed yet/,
    /not the leader|coordinator/i,
  ],
});
let topic: TopicRecorder;

beforeAll(async () => {
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

const CASES = seedsOf(3).flatMap((seed) =>
  [ZOMBIE, STORM, ROLLING, GROWING].map((fault) => [fault.variant, seed, fault] as const),
);

test.each(CASES)('%s, seed %i: nothing is lost, doubled or wrong', async (_, seed, fault) => {
  await runFault(pipeline, topic, fault, seed);
});
