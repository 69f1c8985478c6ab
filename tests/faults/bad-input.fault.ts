/** F10, F26 and F30: lost answers, disorder, poison. */
import { beforeAll, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { usePipeline } from '../support/pipeline.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';
import { DISORDER, POISONED } from './faults/bad-input.ts';
import { LOST_ANSWERS } from './faults/lost-answers.ts';
import { runFault, seedsOf } from './run-fault.ts';

const pipeline = usePipeline({
  expectedLogs: [
    /insert failed; trying again/,
    /records parked in the dead letter topic/,
    /checkpoint not written/,
  ],
});
let topic: TopicRecorder;

beforeAll(async () => {
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

const CASES = seedsOf(10).flatMap((seed) =>
  [LOST_ANSWERS, DISORDER, POISONED].map((fault) => [fault.variant, seed, fault] as const),
);

test.each(CASES)('%s, seed %i: nothing is lost, doubled or wrong', async (_, seed, fault) => {
  await runFault(pipeline, topic, fault, seed);
});
