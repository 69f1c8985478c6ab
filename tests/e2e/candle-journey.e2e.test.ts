/**
 * One recorded candle, followed from the venue to the latest values: at every hop it is looked up and
 * held to the recording and to the hop before, number by number. Real engines, and our own processes
 * as production runs them. Then the venue says something else about the same minute, and that travels
 * too. What is expected comes from the recording, never from what an earlier hop computed.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriesKey, type Series } from '#core/candle.ts';
import { CANDLE_PARTITIONS, REDIS_KEYS } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { Evaluator, type CandleEvaluation } from '../../analyzer/evaluation.ts';
import { CORE_V1 } from '../../analyzer/features/sets/core-v1.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { recordedBar } from '../support/bars.ts';
import {
  CandleLookup,
  type StoredPayload,
  type StoredRow,
  type StoredRun,
} from '../support/candle-lookup.ts';
import { evaluationText, PRODUCTION_RULES } from '../support/evaluations.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { committedOffsets } from '../support/replay.ts';
import { settle } from '../support/settle.ts';
import type { CandleEvent } from '../support/topic-recorder.ts';

// The venue says on stdout that it answers.
const pipeline = usePipeline({ expectedLogs: [/^\{"ready":true,"port":\d+\}$/] });

const SERIES: Series = {
  exchange: 'binance-futures',
  marketType: 'perp',
  symbol: 'BTC/USDT',
  interval: '1m',
};
const KEY = seriesKey(SERIES);
const FILE = 'BTCUSDT-1m.csv';
const HEADER = 'timestamp_ms,open,high,low,close,volume';
const MINUTE_MS = 60_000;
const TIMEOUT_MS = 30_000;
const RECORDING = join(import.meta.dirname, '..', 'support', 'recordings-small', `${FILE}.gz`);

/** The candle that is followed is the last of them: more than the venue sends in one answer. */
const RECORDED = gunzipSync(readFileSync(RECORDING)).toString('utf8').split('\n').slice(1, 571);
const EARLIER = RECORDED.slice(0, 569);
const OPEN_TIME = epochMs(1_748_962_860_000);

/** What the venue says of the candle, and what must follow from it alone. */
interface Telling {
  /** As a recording has it. */
  readonly row: string;
  readonly revision: number;
  readonly op: 'c' | 'u';
  readonly decision: string;
  /** Outcomes of the run that brought it, without those that are 0. */
  readonly counts: Readonly<Record<string, string>>;
}

const FIRST: Telling = {
  row: '1748962860000,106533.9,106564.4,106502.4,106527.4,329.897',
  revision: 0,
  op: 'c',
  decision: 'Long',
  counts: { fetched: '570', inserted: '570', raw: '2' },
};
/** Made up, with zeros at the end that mean nothing. */
const SECOND: Telling = {
  row: '1748962860000,106533.9,106570.10,106120.0,106140.250,330.1',
  revision: 1,
  op: 'u',
  decision: 'Neutral',
  // The scheduler reads the newest candles again.
  counts: { fetched: '3', revised: '1', unchanged: '2', raw: '1' },
};

const lookup = new CandleLookup(pipeline, { ...SERIES, openTime: OPEN_TIME });
let folder: string;
let venue: OwnProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-journey-'));
  await pipeline.activate();
  await pipeline.startAnalyzer();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A venue whose clock stands where the followed candle has just closed. */
async function startVenue(lastRow: string): Promise<void> {
  await writeFile(join(folder, FILE), [HEADER, ...EARLIER, lastRow, ''].join('\n'));
  venue = await pipeline.startVenue(['--once', '--data', folder]);
}

/** A scheduler that lives until its run is done, and all that followed from it. */
async function collectOnce(runs: number): Promise<void> {
  const scheduler = await pipeline.startScheduler({ COLLECT_SERIES: KEY });
  const done = async (): Promise<boolean> => {
    const { id, state } = await lookup.lastRun();
    return id === String(runs) && state === 'done';
  };
  await waitFor(done, { what: `run ${runs} to be done`, timeoutMs: TIMEOUT_MS });
  await scheduler.stop();
  await settle(pipeline);
}

describe('a candle that the scheduler collects', () => {
  beforeAll(async () => {
    expect(RECORDED.at(-1)).toBe(FIRST.row);
    await startVenue(FIRST.row);
    await collectOnce(1);
  });

  test('is where the next collection goes on from', async () => {
    const cached = await pipeline.redis.get(REDIS_KEYS.watermark(KEY));
    expect(cached).toBe(String(OPEN_TIME + MINUTE_MS));
  });

  followHops(FIRST);
});

describe('the same candle when the venue says something else', () => {
  beforeAll(async () => {
    await venue.stop();
    await startVenue(SECOND.row);
    await collectOnce(2);
  });

  followHops(SECOND);

  test('the ledger still has what was known before', async () => {
    expect(await lookup.ledger()).toMatchObject([
      { op: 'c', revision: 0, ...canonical(textsOf(FIRST.row)) },
      { op: 'u', revision: 1, ...canonical(textsOf(SECOND.row)) },
    ]);
  });
});

/** One test for each hop; each leaves what the next one is held to. */
function followHops(telling: Telling): void {
  const { op, revision } = telling;
  const texts = textsOf(telling.row);
  let run: StoredRun;
  let row: StoredRow;
  let payload: StoredPayload;
  let event: CandleEvent;

  test('is counted by a run, which reaches to where it closes', async () => {
    run = await lookup.lastRun();
    const none = { inserted: '0', revised: '0', closed: '0', updated_open: '0', unchanged: '0' };
    expect(run).toMatchObject({
      ...none,
      quarantined: '0',
      ...telling.counts,
      state: 'done',
      error: null,
      watermark: OPEN_TIME + MINUTE_MS,
    });
  });

  test('stands in Postgres as the venue told it, and nothing is made up', async () => {
    row = await lookup.row();
    expect(row).toMatchObject({
      ...allDigits(texts),
      quote_volume: null,
      trades: null,
      taker_buy_base: null,
      taker_buy_quote: null,
      is_closed: true,
      revision,
      source: 'rest',
      ingest_run_id: run.id,
    });
  });

  test('points at the very answer it was read from', async () => {
    payload = await lookup.payload(row.raw_id);
    const text = zstdDecompressSync(payload.body).toString('utf8');
    expect(text).toBe(await (await fetch(payload.url)).text());
    expect(text.slice(text.lastIndexOf('['))).toBe(`${wireText(telling.row)}]`);
    expect(payload.sha256).toEqual(createHash('sha256').update(text).digest());
    expect(payload).toMatchObject({ ingest_run_id: run.id, fetched_at: row.observed_at });
  });

  test('is one record in Kafka, keyed by its row, in the partition of its series', async () => {
    event = await lookup.record(op);
    expect(event.keyText).toBe(
      '{"exchange":"binance-futures","market_type":"perp","symbol":"BTC/USDT","interval":"1m",' +
        '"open_time":"2025-06-03T15:01:00.000000Z"}',
    );
    expect(event.partition).toBe(partitionOf(SERIES));
    expect(event.after).toMatchObject({
      ...allDigits(texts),
      is_closed: true,
      revision,
      ingest_run_id: Number(run.id),
      raw_id: Number(payload.id),
    });
  });

  test('comes from the transaction that wrote the row', () => {
    expect(event.source).toMatchObject({ snapshot: 'false', txId: Number(row.xmin) });
    expect(versionOf(event) % 2n ** 64n).toBe(BigInt(event.source.lsn ?? 0));
  });

  test('stands in ClickHouse, its place in the WAL as version', async () => {
    expect(await lookup.candle()).toEqual({
      ...canonical(texts),
      revision,
      source: 'rest',
      version: String(versionOf(event)),
      observed_at: String(row.observed_at),
    });
  });

  test('can be traced back from the ledger', async () => {
    expect((await lookup.ledger()).at(-1)).toEqual({
      ...canonical(texts),
      version: String(versionOf(event)),
      op,
      revision,
      is_deleted: 0,
      ingest_run_id: run.id,
      raw_id: payload.id,
      lsn: String(event.source.lsn),
      tx_id: row.xmin,
      committed_at: String(event.source.ts_ms),
      kafka_partition: event.partition,
      kafka_offset: String(event.offset),
    });
  });

  test('has the features and the signal that the recording gives, bit for bit', async () => {
    const expected = evaluationText(KEY, OPEN_TIME, evaluate(telling.row));
    expect(await lookup.evaluation()).toBe(expected);
    const version = String(versionOf(event));
    for (const table of ['features', 'signals'] as const) {
      expect(await lookup.versions(table), table).toEqual({ version, candle_version: version });
    }
  });

  test('is shown with the score that the fired rules add up to', async () => {
    const { fired, ...shown } = await lookup.shownSignal();
    expect(shown).toEqual({
      decision: telling.decision,
      status: 'active',
      final_score_long: shareOf(fired, 'long'),
      final_score_short: shareOf(fired, 'short'),
    });
  });

  test('is the latest that Redis has of its series', async () => {
    const text = await pipeline.redis.hget(REDIS_KEYS.latest(KEY), 'closed');
    const { vector, signal } = evaluate(telling.row);
    const names = CORE_V1.features.map(({ name }) => name);
    expect(JSON.parse(text ?? 'null')).toMatchObject({
      openTime: OPEN_TIME,
      candle: canonical(texts),
      features: Object.fromEntries(names.map((name, at) => [name, vector[at]])),
      signal: { decision: telling.decision, finalScore: signal.finalScore },
      version: String(versionOf(event)),
    });
  });

  test('lies below the offset that the analyzer has committed', async () => {
    const offsets = await committedOffsets(pipeline.admin);
    expect(offsets.get(event.partition)).toBeGreaterThan(event.offset);
  });
}

type Texts = Readonly<Record<'open' | 'high' | 'low' | 'close' | 'volume', string>>;

function textsOf(row: string): Texts {
  const [, open = '', high = '', low = '', close = '', volume = ''] = row.split(',');
  return { open, high, low, close, volume };
}

/** With all digits that numeric(38,18) has, as Postgres and Debezium write them. */
function allDigits(texts: Texts): Record<string, string> {
  return mapTexts(texts, (whole, fraction) => `${whole}.${fraction.padEnd(18, '0')}`);
}

/** Without zeros that mean nothing, as ClickHouse and we write them. */
function canonical(texts: Texts): Record<string, string> {
  return mapTexts(texts, (whole, fraction) => {
    const rest = fraction.replace(/0+$/, '');
    return rest === '' ? whole : `${whole}.${rest}`;
  });
}

function mapTexts(
  texts: Texts,
  map: (whole: string, fraction: string) => string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const [whole = '', fraction = ''] = text.split('.');
      return [name, map(whole, fraction)];
    }),
  );
}

/** A row of the recording in Binance's own words. */
function wireText(row: string): string {
  const [time, ...texts] = row.split(',');
  const quoted = texts.map((text) => `"${text}"`).join(',');
  return `[${time},${quoted},${OPEN_TIME + MINUTE_MS - 1},null,null,null,null,"0"]`;
}

/** Read here once more, so that the product's own reading is held to it. */
function versionOf({ source }: CandleEvent): bigint {
  const [commit = '', record = ''] = source.sequence.match(/\d+/g) ?? [];
  return BigInt(commit) * 2n ** 64n + BigInt(record);
}

/** Where Debezium's PartitionRouting sends a series: by the sum of Java's hashes of its words. */
function partitionOf({ exchange, marketType, symbol, interval }: Series): number {
  const hash = (word: string): number =>
    Buffer.from(word).reduce((sum, letter) => (Math.imul(sum, 31) + letter) | 0, 0);
  const words = [exchange, marketType, symbol, interval];
  return Math.abs(words.reduce((sum, word) => (sum + hash(word)) | 0, 0)) % CANDLE_PARTITIONS;
}

/** The recording folded from its first row on, its last row as given. */
function evaluate(lastRow: string): CandleEvaluation {
  const evaluator = new Evaluator(PRODUCTION_RULES);
  const evaluations = [...EARLIER, lastRow].map((row) =>
    evaluator.add(recordedBar(row.split(','))),
  );
  return evaluations.at(-1)!;
}

/** What the fired rules of a direction weigh, as a share of all its rules. */
function shareOf(fired: readonly string[], direction: 'long' | 'short'): number {
  const rules = PRODUCTION_RULES.ruleSet.conditions.filter((rule) => rule.direction === direction);
  const weigh = (some: typeof rules): number => some.reduce((sum, { weight }) => sum + weight, 0);
  return weigh(rules.filter(({ name }) => fired.includes(name))) / weigh(rules);
}
