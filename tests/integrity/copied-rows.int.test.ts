/**
 * Somebody fills the table with COPY, the newest candle first, as many a file has them. One record of
 * the WAL then holds many rows, which share their place in it, and batches are cut between them.
 */
import { Readable } from 'node:stream';
import { pipeline as pump } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { expect, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { inTransaction } from '#platform/postgres.ts';
import { CANDLE_COLUMNS, copyLine } from '../../etl/load/candle-columns.ts';
import { ensureMonths, storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual } from '../support/settle.ts';
import { eventsOf } from '../support/topic-recorder.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
const SYMBOL = 'COPIED/USDT';

test('rows that were copied in, the newest first, are all there', async () => {
  const { pool } = pipeline;
  const candles = walkCandles(400, { symbol: SYMBOL, seed: 5 });
  await ensureMonths(pool, candles);
  await storeCandles(pool, candles.slice(0, 50));
  await pipeline.activate();
  await inTransaction(pool, async (client) => {
    const columns = CANDLE_COLUMNS.map(({ name }) => name).join(', ');
    const lines = candles.slice(50).reverse();
    await pump(
      Readable.from(lines.map((candle) => copyLine({ candle, rawId: null }))),
      client.query(copyFrom(`copy market.candles (${columns}) from stdin`)),
    );
  });
  const topic = await pipeline.record(TOPIC_CANDLES);
  await topic.until('all rows', (records) => records.length >= candles.length);
  // Else this test shows nothing.
  const versions = eventsOf(topic.records, SYMBOL)
    .filter(({ op }) => op === 'c')
    .map(({ version }) => version);
  expect(new Set(versions).size).toBeLessThan(versions.length / 5);

  await pipeline.startAnalyzer({ ANALYZER_FLUSH_ROWS_MAX: '100' });
  await expectBothEndsEqual(pipeline);
});
