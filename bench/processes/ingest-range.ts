/**
 * Ingests one series through a venue and says what it cost. In: environment of the stack, `--symbol`,
 * `--from`, `--to`, `--runs`. Out: one JSON line: per run rows, seconds and WAL bytes; memory before
 * the first page and at most. `--bare` only fetches and parses the same pages: the baseline.
 */
import { parseArgs } from 'node:util';
import type { Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { loadConfig } from '#platform/config.ts';
import { createPostgresPool, inTransaction, postgresOptions } from '#platform/postgres.ts';
import { openVenue } from '../../etl/extract/registry.ts';
import { ingest } from '../../etl/ingest.ts';
import { advanceRun } from '../../etl/load/advance-run.ts';
import { finishRun } from '../../etl/load/finish-run.ts';
import { startRun } from '../../etl/load/start-run.ts';

const { values } = parseArgs({
  options: {
    symbol: { type: 'string', default: '' },
    from: { type: 'string', default: '' },
    to: { type: 'string', default: '' },
    runs: { type: 'string', default: '1' },
    bare: { type: 'boolean', default: false },
  },
});

const MIB = 1024 * 1024;
const PAGE = 499;
const NOTHING = {
  fetched: 0,
  inserted: 0,
  revised: 0,
  closed: 0,
  updatedOpen: 0,
  unchanged: 0,
  quarantined: 0,
  raw: 0,
};

const config = loadConfig();
const from = epochMs(Number(values.from));
const to = epochMs(Number(values.to));
const series: Series = {
  exchange: 'binance-futures',
  marketType: 'perp',
  symbol: values.symbol,
  interval: '1m',
};

if (values.bare) await bare();
else await ingestAll();

async function ingestAll(): Promise<void> {
  const pool = createPostgresPool(postgresOptions(config, 'bench-ingest'));
  const adapter = openVenue('binance-futures', config, { clock: systemClock });
  await adapter.fetchInstruments();
  await pool.query('select 1');
  const before = process.memoryUsage.rss();
  let most = before;
  const runs: { rows: number; seconds: number; walBytes: number; recordBytes: number }[] = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
    let batches = 0;
    await pool.query('checkpoint');
    const place = await walPlace();
    const startedAt = performance.now();
    const report = await ingest({
      job: 'bench',
      adapter,
      pool,
      series,
      from,
      to,
      onProgress: () => {
        batches += 1;
        most = Math.max(most, process.memoryUsage.rss());
      },
    });
    const seconds = (performance.now() - startedAt) / 1000;
    const walBytes = (await walPlace()) - place;
    const recordBytes = await recordCost(batches);
    runs.push({ rows: report.counts.fetched, seconds, walBytes, recordBytes });
  }
  adapter.close();
  await pool.end();
  const memory = { beforeMib: before / MIB, mostMib: most / MIB };
  process.stdout.write(`${JSON.stringify({ runs, memory })}\n`);

  async function walPlace(): Promise<number> {
    const { rows } = await pool.query<{ bytes: string }>(
      `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as bytes`,
    );
    return Number(rows[0]?.bytes);
  }

  /** What the record of such a run logs by itself: opened, advanced by each batch, closed. */
  async function recordCost(batches: number): Promise<number> {
    await pool.query('checkpoint');
    const place = await walPlace();
    const runId = await startRun(pool, { job: 'bench-record', series, from, to });
    for (let batch = 0; batch < batches; batch += 1) {
      await inTransaction(pool, (client) => advanceRun(client, runId, NOTHING, to));
    }
    await finishRun(pool, runId, null);
    return (await walPlace()) - place;
  }
}

/** Pages one after the other, as the adapter asks for them, and `JSON.parse`. */
async function bare(): Promise<void> {
  let rows = 0;
  const startedAt = performance.now();
  const symbol = values.symbol.replace('/', '');
  for (let start: number = from; start < to;) {
    const query = `symbol=${symbol}&interval=1m&limit=${PAGE}&startTime=${start}&endTime=${to - 1}`;
    const response = await fetch(`${config.BINANCE_FUTURES_URL}/fapi/v1/klines?${query}`);
    const page = JSON.parse(await response.text()) as unknown[][];
    rows += page.length;
    if (page.length < PAGE) break;
    start = Number(page.at(-1)?.[0]) + 60_000;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const runs = [{ rows, seconds, walBytes: 0, recordBytes: 0 }];
  process.stdout.write(`${JSON.stringify({ runs, memory: { beforeMib: 0, mostMib: 0 } })}\n`);
}
