/** F26 and F30: input that comes twice, late or in disorder, and records that nobody can read. */
import { TOPIC_CANDLES, TOPIC_DLQ } from '#core/contracts/names.ts';
import { settle } from '../../support/settle.ts';
import { storeCandles } from '../../support/market.ts';
import type { Dice } from '../../support/dice.ts';
import { walkCandles } from '../../support/walk.ts';
import { checkLetters, readRaw, type RawRecord } from '../letter-check.ts';
import type { Fault, World } from '../run-fault.ts';
import { Workload } from '../workload.ts';

const CANDLES = 240;
const WINDOW = 5;
const LATE_MINUTES = 3 * 24 * 60;

/** Everything three times, in disorder within five minutes, and a series three days late. */
export const DISORDER: Fault = {
  id: 'F26',
  variant: 'doubled-and-late',
  run: async ({ pipeline: { pool }, workload, dice, startAnalyzer }) => {
    await startAnalyzer();
    const symbol = `${workload.name}-D/USDT`;
    const candles = walkCandles(CANDLES, { symbol, seed: workload.transactions + 5 });
    for (let round = 0; round < 3; round += 1) {
      for (let from = 0; from < CANDLES; from += WINDOW) {
        const part = shuffled(dice, candles.slice(from, from + WINDOW));
        // As venues do it: each in an answer of its own, and the last one once more.
        for (const candle of [...part, part[0]!]) await storeCandles(pool, [candle]);
      }
      await workload.grow(4);
    }
    const late = walkCandles(20, { symbol, seed: 3, from: -LATE_MINUTES });
    for (const candle of shuffled(dice, late)) await storeCandles(pool, [candle]);
    await new Workload({
      pool,
      seed: dice.roll(1_000),
      name: `${workload.name}L`,
      daysBack: 3,
    }).grow(4);
    await workload.grow(4);
  },
};

function shuffled<T>(dice: Dice, list: readonly T[]): T[] {
  const left = [...list];
  return list.map(() => left.splice(dice.roll(left.length), 1)[0]!);
}

/** Record by record: key and value, neither of which need be anything. */
const POISON: readonly RawRecord[] = [
  { key: Buffer.from('poison'), value: Buffer.from('not json') },
  { key: Buffer.from('poison'), value: Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x0d]) },
  // The magic byte of another registry, and of none.
  { key: Buffer.from('poison'), value: Buffer.from([0x01, 0, 0, 0, 7, 0x7b, 0x7d]) },
  { key: Buffer.from('poison'), value: Buffer.alloc(0) },
  { key: null, value: Buffer.from('{}') },
  { key: Buffer.from('poison'), value: Buffer.from('{"op":"x","before":null,"after":null}') },
  { key: Buffer.from('poison'), value: Buffer.from('[]') },
  { key: Buffer.from('poison'), value: Buffer.from('{"op":"c"') },
];
/** A tombstone is nothing to read, and nothing to park. */
const TOMBSTONE: RawRecord = { key: Buffer.from('poison'), value: null };

export const POISONED: Fault = {
  id: 'F30',
  variant: 'poison',
  run: async (world) => {
    const { pipeline, workload, dice, note, startAnalyzer } = world;
    await startAnalyzer();
    await workload.grow(8);
    const before = (await readRaw(pipeline, TOPIC_DLQ)).length;
    const injected: RawRecord[] = [];
    for (let round = 0; round < 4; round += 1) {
      const records = shuffled(dice, POISON).slice(0, 1 + dice.roll(POISON.length));
      await produce(world, [...records, TOMBSTONE]);
      injected.push(...records);
      await workload.grow(4);
    }
    await settle(pipeline);
    note('poison records', injected.length);
    const letters = (await readRaw(pipeline, TOPIC_DLQ)).slice(before);
    return checkLetters(injected, letters);
  },
};

async function produce(
  { pipeline, dice }: Pick<World, 'pipeline' | 'dice'>,
  records: readonly RawRecord[],
): Promise<void> {
  const producer = pipeline.kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  // One partition at a time: the first of those that have candles, so that they must get past it.
  const partition = dice.roll(12);
  await producer.send({
    topic: TOPIC_CANDLES,
    messages: records.map((record) => ({ ...record, partition })),
  });
  await producer.disconnect();
}
