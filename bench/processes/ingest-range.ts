/**
 * Ingests one series through a venue and says what it cost. In: environment of the stack, `--symbol`,
 * `--from`, `--to`, `--runs`. Out: one JSON line: per run rows, seconds and what it logged of any table
 * but the record of the run, as pg_walinspect tells; memory before
 * the first page and at most. `--bare` only fetches and parses the same pages: the baseline.
 */
import { parseArgs } from 'node:util';
import type { Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { loadConfig } from '#platform/config.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import { openVenue } from '../../etl/extract/registry.ts';
import { ingest } from '../../etl/ingest.ts';

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
  const runs: { rows: number; seconds: number; walBytes: number }[] = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
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
        most = Math.max(most, process.memoryUsage.rss());
      },
    });
    const seconds = (performance.now() - startedAt) / 1000;
    runs.push({ rows: report.counts.fetched, seconds, walBytes: await walSince(place) });
  }
  adapter.close();
  await pool.end();
  const memory = { beforeMib: before / MIB, mostMib: most / MIB };
  process.stdout.write(`${JSON.stringify({ runs, memory })}\n`);

  async function walPlace(): Promise<string> {
    const { rows } = await pool.query<{ place: string }>(
      'select pg_current_wal_insert_lsn()::text as place',
    );
    return rows[0]?.place ?? '';
  }

  async function walSince(place: string): Promise<number> {
    // What is inserted is read as soon as it is flushed.
    await pool.query('select pg_logical_emit_message(true, $1::text, $1::text)', ['bench']);
    const { rows } = await pool.query<{ bytes: number }>(
      `select coalesce(sum(record_length), 0)::integer as bytes
       from pg_get_wal_block_info($1::text::pg_lsn, pg_current_wal_flush_lsn())
       where reldatabase = (select oid from pg_database where datname = current_database())
         and relfilenode not in (
           select pg_relation_filenode(oid) from pg_class
           where oid = 'market.ingest_runs'::regclass
              or oid = 'market.ingest_runs_id_seq'::regclass
              or oid in (select indexrelid from pg_index where indrelid = 'market.ingest_runs'::regclass))`,
      [place],
    );
    return rows[0]?.bytes ?? 0;
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
  const runs = [{ rows, seconds, walBytes: 0 }];
  process.stdout.write(`${JSON.stringify({ runs, memory: { beforeMib: 0, mostMib: 0 } })}\n`);
}
