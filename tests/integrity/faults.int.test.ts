/**
 * The part of the fault matrix that every change must pass: the analyzer killed at its four points,
 * answers lost, disorder, poison; one seed each. The rest is `npm run test:faults`.
 */
import { beforeAll, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { DISORDER, POISONED } from '../faults/faults/bad-input.ts';
import { CRASHES } from '../faults/faults/crash-points.ts';
import { LOST_ANSWERS } from '../faults/faults/lost-answers.ts';
import { runFault } from '../faults/run-fault.ts';
import { usePipeline } from '../support/pipeline.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';

const pipeline = usePipeline({
  expectedLogs: [
    /insert failed; trying again/,
    /records parked in the dead letter topic/,
    /checkpoint not written/,
  ],
});
const SEED = 20_261_121;
const TIMEOUT_MS = 120_000;
let topic: TopicRecorder;

beforeAll(async () => {
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

const FAULTS = [...CRASHES, LOST_ANSWERS, DISORDER, POISONED].map(
  (fault) => [fault.id, fault.variant, fault] as const,
);

test.each(FAULTS)(
  '%s, %s: nothing is lost, doubled or wrong',
  async (_id, _variant, fault) => {
    await runFault(pipeline, topic, fault, SEED, { isRecorded: false });
  },
  TIMEOUT_MS,
);
