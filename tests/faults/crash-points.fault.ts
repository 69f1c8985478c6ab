/** F7 at the four points, ten seeds each. */
import { beforeAll, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { usePipeline } from '../support/pipeline.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';
import { CRASHES } from './faults/crash-points.ts';
import { runFault, seedsOf } from './run-fault.ts';

const pipeline = usePipeline();
let topic: TopicRecorder;

beforeAll(async () => {
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

const CASES = seedsOf(10).flatMap((seed) =>
  CRASHES.map((fault) => [fault.variant, seed, fault] as const),
);

test.each(CASES)(
  'killed %s, seed %i: nothing is lost, doubled or wrong',
  async (_, seed, fault) => {
    await runFault(pipeline, topic, fault, seed);
  },
);
