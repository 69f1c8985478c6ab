import { expect, test } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { OffsetCommits } from './offset-commits.ts';

const SILENT = createLogger('test', 'silent');

/** A group that answers when it is told to. */
function slowGroup() {
  const asked: {
    readonly offsets: readonly string[];
    readonly answer: PromiseWithResolvers<void>;
  }[] = [];
  let committed = 0;
  const commits = new OffsetCommits(
    {
      commitOffsets: async (offsets) => {
        const answer = Promise.withResolvers<void>();
        asked.push({ offsets: offsets.map((o) => `${o.partition}:${o.offset}`), answer });
        return answer.promise;
      },
    },
    SILENT,
    () => (committed += 1),
  );
  return { commits, asked, committed: () => committed };
}

test('one request at a time, the newest offset of each partition, and the rest at the end', async () => {
  const { commits, asked, committed } = slowGroup();
  commits.add(1, 5n);
  commits.add(1, 6n);
  commits.add(2, 7n);
  commits.add(1, 8n);
  expect(asked.map(({ offsets }) => offsets)).toEqual([['1:5']]);
  asked[0]!.answer.resolve();
  const settled = commits.settle();
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[1]!.offsets).toEqual(['1:8', '2:7']);
  asked[1]!.answer.resolve();
  await settled;
  expect(committed()).toBe(2);
});

test('what was refused waits for the next commit', async () => {
  const { commits, asked } = slowGroup();
  commits.add(1, 5n);
  asked[0]!.answer.reject(new Error('later'));
  const settled = commits.settle();
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[1]!.offsets).toEqual(['1:5']);
  asked[1]!.answer.resolve();
  await settled;
});

test('what was refused because the group moved is not committed for whoever has it now', async () => {
  const { commits, asked } = slowGroup();
  commits.add(1, 5n);
  commits.clear();
  commits.add(2, 3n);
  asked[0]!.answer.reject(new Error('the group is rebalancing'));
  const settled = commits.settle();
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[1]!.offsets).toEqual(['2:3']);
  asked[1]!.answer.resolve();
  await settled;
});
