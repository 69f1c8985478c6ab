/** F15: links that are cut or swallow everything. */
import { beforeAll, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { usePipeline } from '../support/pipeline.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';
import { LINKS } from './faults/links.ts';
import { runFault, seedsOf } from './run-fault.ts';

// What is cut off or lost is complained about by all whom it concerns.
const pipeline = usePipeline({ expectedLogs: [/./] });
let topic: TopicRecorder;

beforeAll(async () => {
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

const CASES = seedsOf(3).flatMap((seed) =>
  LINKS.map((fault) => [fault.variant, seed, fault] as const),
);

test.each(CASES)('%s, seed %i: nothing is lost, doubled or wrong', async (_, seed, fault) => {
  await runFault(pipeline, topic, fault, seed);
});
