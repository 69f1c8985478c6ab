/** F10: ClickHouse has stored an insert, and its answer gets lost. The analyzer cannot know. */
import { waitFor } from '../../../local/stack/wait.ts';
import { untilConsumed } from '../../support/settle.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import type { Fault } from '../run-fault.ts';

/** Below what makes an analyzer give up on one batch. */
const LOST_MAX = 4;
const ROUNDS = 3;

export const LOST_ANSWERS: Fault = {
  id: 'F10',
  variant: 'answers-lost',
  run: async ({ pipeline, workload, dice, note, startAnalyzer, onEnd }) => {
    const proxy = await startTcpProxy(pipeline.config.CLICKHOUSE_PORT);
    onEnd(() => proxy.close());
    await startAnalyzer({ CLICKHOUSE_PORT: String(proxy.port) });
    let asked = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const count = 1 + dice.roll(LOST_MAX);
      asked += count;
      proxy.loseAnswers(count);
      const lost = async (): Promise<boolean> => {
        await workload.grow(1);
        return proxy.lost >= asked;
      };
      await waitFor(lost, { what: `${asked} answers to be lost`, timeoutMs: 30_000 });
      // Or one batch would lose more answers than it has attempts.
      await untilConsumed(pipeline);
    }
    note('answers lost', proxy.lost);
  },
};
