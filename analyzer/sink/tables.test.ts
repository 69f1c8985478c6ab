import { createHash } from 'node:crypto';
/** The rows as ClickHouse will read them: by the columns named in the insert, typed by our own DDL. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seriesKey } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { AnchorChange, FundingChange, GapChange } from '#core/contracts/ledger-change.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { decodeCandleMessage } from '../../connectors/index.ts';
import { captured } from '../../tests/support/captured-messages.ts';
import { CandleStream } from '../../tests/support/candle-stream.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandle } from '../../tests/support/candles.ts';
import { floatBits, readNative, type Cell } from '../../tests/support/binary-reader.ts';
import type { CandleEvaluation } from '../evaluation.ts';
import {
  OUTPUT_NAMES,
  OUTPUTS,
  OutputRows,
  producerId,
  type OutputName,
  type Producer,
} from './tables.ts';

const SQL = join(import.meta.dirname, '..', '..', 'sql', 'clickhouse');
const KEY = seriesKey(TEST_SERIES);
const VERSION = (29_486_512n << 64n) + 29_486_552n;
const TOLD = { candle: null, before: null };
const PRODUCER: Producer = {
  featureSet: 'core',
  featureSetVersion: 1,
  featureSetHash: 'ab'.repeat(32),
  ruleSet: 'core-trend',
  ruleSetVersion: 300,
  modelVersion: '',
};
const SERIES_CELLS = {
  exchange: 'binance-futures',
  market_type: 'perp',
  symbol: 'BTC/USDT',
  interval: '1m',
};

/** Columns of every table in our DDL, in its order. */
function tableColumns(): Map<string, { name: string; type: string }[]> {
  const tables = new Map<string, { name: string; type: string }[]>();
  for (const file of readdirSync(SQL).sort()) {
    const text = readFileSync(join(SQL, file), 'utf8').replaceAll(/^\s*--.*$/gm, '');
    for (const [, table = '', body = ''] of text.matchAll(
      /create table if not exists (\w+) \(\n([\s\S]*?)\n\)/g,
    )) {
      const columns = [...body.matchAll(/^ {2}(\w+) (.+?),?$/gm)];
      const types = columns.map(([, name = '', type = '']) => ({ name, type }));
      tables.set(table, types);
    }
    for (const [, table = '', name = '', type = '', after = ''] of text.matchAll(
      /alter table (\w+) add column if not exists (\w+) (.+) after (\w+);/g,
    )) {
      const columns = tables.get(table)!;
      columns.splice(columns.findIndex((one) => one.name === after) + 1, 0, { name, type });
    }
  }
  return tables;
}

const TABLES = tableColumns();

/** What was collected, read back. */
function taken(rows: OutputRows): Record<OutputName, Record<string, Cell>[]> {
  const blocks = rows.take();
  return {
    revisions: readNative(blocks.revisions).rows,
    candles: readNative(blocks.candles).rows,
    features: readNative(blocks.features).rows,
    signals: readNative(blocks.signals).rows,
    gaps: readNative(blocks.gaps).rows,
    gapRevisions: readNative(blocks.gapRevisions).rows,
    fundingRates: readNative(blocks.fundingRates).rows,
    anchors: readNative(blocks.anchors).rows,
    waypoints: readNative(blocks.waypoints).rows,
  };
}

function gapChange(name: string): GapChange {
  const decoded = decodeCandleMessage(captured(name));
  if (decoded.kind !== 'gap') throw new Error(`"${name}" is no gap`);
  return decoded.change;
}

function anchorChange(name: string): AnchorChange {
  const decoded = decodeCandleMessage(captured(name));
  if (decoded.kind !== 'anchor') throw new Error(`"${name}" is no anchor`);
  return decoded.change;
}

function fundingChange(name: string): FundingChange {
  const decoded = decodeCandleMessage(captured(name));
  if (decoded.kind !== 'funding') throw new Error(`"${name}" is no funding payment`);
  return decoded.change;
}

function change(changes: Partial<CandleChange> = {}): CandleChange {
  const { openTime, observedAt, source, ...values } = testCandle();
  return {
    series: TEST_SERIES,
    key: KEY,
    openTime,
    values,
    revision: 2,
    observedAt,
    source,
    ingestRunId: '9007199254740991',
    rawId: null,
    op: 'u',
    origin: 'stream',
    version: VERSION,
    lsn: '18446744073709551615',
    txId: 769,
    committedAt: epochMs(TEST_OPEN_TIME + 62_000),
    partition: 11,
    offset: '4503599627370497',
    ...changes,
  };
}

const MADE = { offset: '12', isFoldedAgain: false };

const ACTIVE: CandleEvaluation = {
  status: 'active',
  vector: Float64Array.of(1.5, NaN, -0),
  signal: {
    decision: 'Long',
    ruleScore: { long: 0.75, short: 0.25 },
    mlProb: null,
    finalScore: { long: 0.8, short: 0.2 },
    scoreBasis: 'rules',
  },
  fired: ['trend_up', 'above_vwap'],
};

/** Types that a column is not sent as, but made of by ClickHouse. */
const SENT_AS: Readonly<Record<string, string>> = {
  'LowCardinality(Nullable(String))': 'Nullable(String)',
  'Array(LowCardinality(String))': 'Array(String)',
};
test.each(OUTPUT_NAMES)(
  'the block of %s has all columns of its table, and their types',
  (output) => {
    const rows = new OutputRows(PRODUCER);
    rows.addChange(change());
    rows.addDerived(TEST_SERIES, {
      openTime: TEST_OPEN_TIME,
      candleVersion: 7n,
      version: VERSION,
      evaluation: ACTIVE,
      ...TOLD,
    });
    rows.addGap(gapChange('gap, insert'));
    rows.addFunding(fundingChange('funding, insert'));
    rows.addAnchor(anchorChange('anchor, insert'));
    rows.addWaypoint('a|perp|B/C|1m', { boundary: 0, version: VERSION, text: 'null' }, MADE);
    const { types } = readNative(rows.take()[output]);
    const columns = TABLES.get(OUTPUTS[output]) ?? [];
    expect(types).toEqual(
      Object.fromEntries(columns.map(({ name, type }) => [name, SENT_AS[type] ?? type])),
    );
  },
);

describe('a change', () => {
  const values = {
    open: '100',
    high: '110',
    low: '90',
    close: '105',
    volume: '12.5',
    quote_volume: '1250',
    trades: '42',
    taker_buy_base: '6',
    taker_buy_quote: '600',
  };
  const about = {
    revision: '2',
    observed_at: String(TEST_OPEN_TIME + 61_000),
    source: 'rest',
    version: String(VERSION),
    is_deleted: '0',
  };

  test('becomes the candle as it is now, and a row of the ledger with its lineage', () => {
    const rows = new OutputRows(PRODUCER);
    rows.addChange(change());
    const { candles, revisions, features, signals } = taken(rows);
    const candle = { ...SERIES_CELLS, open_time: String(TEST_OPEN_TIME), ...values, ...about };
    expect(candles).toEqual([candle]);
    expect(revisions).toEqual([
      {
        ...candle,
        op: 'u',
        ingest_run_id: '9007199254740991',
        raw_id: null,
        lsn: '18446744073709551615',
        tx_id: '769',
        committed_at: String(TEST_OPEN_TIME + 62_000),
        kafka_partition: '11',
        kafka_offset: '4503599627370497',
      },
    ]);
    expect([features, signals]).toEqual([[], []]);
  });

  test('without optional values and lineage leaves them absent', () => {
    const rows = new OutputRows(PRODUCER);
    const absent = {
      volume: null,
      quoteVolume: null,
      trades: null,
      takerBuyBase: null,
      takerBuyQuote: null,
    };
    const bare = { ...change().values!, ...absent };
    rows.addChange(change({ values: bare, ingestRunId: null, lsn: null, txId: null }));
    const { candles, revisions } = taken(rows);
    const cells = {
      volume: null,
      quote_volume: null,
      trades: null,
      taker_buy_base: null,
      taker_buy_quote: null,
    };
    expect(candles).toMatchObject([cells]);
    expect(revisions).toMatchObject([{ ...cells, ingest_run_id: null, lsn: null, tx_id: null }]);
  });

  test('that deletes is a deleted row with values of 0, on both tables', () => {
    const rows = new OutputRows(PRODUCER);
    rows.addChange(change({ op: 'd', values: null, revision: 0, source: '' }));
    const deleted = { is_deleted: '1', open: '0', close: '0', volume: null, trades: null };
    const { candles, revisions } = taken(rows);
    expect(candles).toMatchObject([deleted]);
    expect(revisions).toMatchObject([{ ...deleted, op: 'd' }]);
  });

  test.each<[CandleChange['op'], CandleChange['origin'], string]>([
    ['c', 'stream', 'c'],
    ['u', 'stream', 'u'],
    ['r', 'initial_snapshot', 'r'],
    ['r', 'incremental_snapshot', 'i'],
  ])('%s of %s is called %s in the ledger', (op, origin, expected) => {
    const rows = new OutputRows(PRODUCER);
    rows.addChange(change({ op, origin }));
    expect(taken(rows).revisions).toMatchObject([{ op: expected }]);
  });

  test('keeps the extremes of its columns', () => {
    const rows = new OutputRows(PRODUCER);
    const largest = decimal(`${'9'.repeat(20)}.${'9'.repeat(18)}`);
    const extreme = { ...change().values!, high: largest, trades: Number.MAX_SAFE_INTEGER };
    rows.addChange(
      change({
        values: extreme,
        revision: 0xffff_ffff,
        version: 2n ** 128n - 1n,
        partition: 65_535,
      }),
    );
    expect(taken(rows).revisions).toMatchObject([
      {
        high: largest,
        trades: '9007199254740991',
        revision: '4294967295',
        version: String(2n ** 128n - 1n),
        kafka_partition: '65535',
      },
    ]);
  });
});

describe('a derived row', () => {
  const place = { ...SERIES_CELLS, feature_set: 'core', feature_set_version: '1' };
  const at = { openTime: TEST_OPEN_TIME, candleVersion: 7n, version: VERSION, ...TOLD };
  const versions = { candle_version: '7', version: String(VERSION) };

  test('becomes a row of features and one of signals', () => {
    const rows = new OutputRows(PRODUCER);
    rows.addDerived(TEST_SERIES, { ...at, evaluation: ACTIVE });
    const { features, signals, candles, revisions } = taken(rows);
    expect(features).toEqual([
      {
        ...place,
        open_time: String(TEST_OPEN_TIME),
        feature_set_hash: PRODUCER.featureSetHash,
        status: 'active',
        values: [floatBits(1.5), null, floatBits(-0)],
        ...versions,
        is_deleted: '0',
      },
    ]);
    expect(signals).toEqual([
      {
        ...place,
        rule_set: 'core-trend',
        rule_set_version: '300',
        model_version: '',
        open_time: String(TEST_OPEN_TIME),
        status: 'active',
        decision: 'Long',
        rule_score_long: floatBits(0.75),
        rule_score_short: floatBits(0.25),
        ml_prob_long: null,
        ml_prob_short: null,
        final_score_long: floatBits(0.8),
        final_score_short: floatBits(0.2),
        score_basis: 'rules',
        fired: ['trend_up', 'above_vwap'],
        ...versions,
        is_deleted: '0',
      },
    ]);
    expect([candles, revisions]).toEqual([[], []]);
  });

  test('says nothing while warming', () => {
    const rows = new OutputRows(PRODUCER);
    const signal = {
      decision: null,
      ruleScore: null,
      mlProb: null,
      finalScore: null,
      scoreBasis: null,
    };
    const evaluation: CandleEvaluation = { ...ACTIVE, status: 'warming', signal, fired: [] };
    rows.addDerived(TEST_SERIES, { ...at, evaluation });
    expect(taken(rows).signals).toMatchObject([
      { status: 'warming', decision: null, rule_score_long: null, score_basis: null, fired: [] },
    ]);
  });

  test('of a deleted candle deletes both', () => {
    const rows = new OutputRows(PRODUCER);
    rows.addDerived(TEST_SERIES, { ...at, evaluation: null });
    const { features, signals } = taken(rows);
    const deleted = { status: 'retracted', is_deleted: '1', ...versions };
    expect(features).toMatchObject([{ ...deleted, values: [] }]);
    expect(signals).toMatchObject([{ ...deleted, decision: null, fired: [] }]);
  });

  test('is written before the vector it was made of is used again', () => {
    const rows = new OutputRows(PRODUCER);
    const vector = Float64Array.of(1, 2);
    rows.addDerived(TEST_SERIES, { ...at, evaluation: { ...ACTIVE, vector } });
    vector.fill(9);
    expect(taken(rows).features).toMatchObject([{ values: [floatBits(1), floatBits(2)] }]);
  });
});

test('a waypoint is written with the hash of its state, a deleted anchor with its key', () => {
  const rows = new OutputRows(PRODUCER);
  rows.addWaypoint('a|perp|B/C|1m', { boundary: 61_440_000, version: 9n, text: '{}' }, MADE);
  rows.addAnchor(anchorChange('anchor, delete'));
  const { waypoints, anchors } = taken(rows);
  expect(waypoints).toEqual([
    {
      series: 'a|perp|B/C|1m',
      producer: producerId(PRODUCER),
      boundary: '61440000',
      version: '9',
      kafka_offset: MADE.offset,
      state: '{}',
      hash: createHash('sha256').update('{}').digest('hex'),
    },
  ]);
  expect(anchors).toMatchObject([{ symbol: 'SOL/USDT', anchor: '0', is_deleted: '1' }]);
});

test('rows of several series keep apart, in order, and are counted until they are taken', () => {
  const rows = new OutputRows(PRODUCER);
  const { changes } = new CandleStream(40);
  for (const each of changes) {
    rows.addChange(each);
    rows.addDerived(each.series, {
      openTime: each.openTime,
      candleVersion: each.version,
      version: each.version,
      evaluation: ACTIVE,
      ...TOLD,
    });
  }
  expect(rows.rows).toBeGreaterThanOrEqual(changes.length);
  const expected = changes.map(({ series, openTime }) => [series.symbol, String(openTime)]);
  const { revisions, candles, features, signals, ...others } = taken(rows);
  expect(Object.values(others).flat()).toEqual([]);
  for (const read of [revisions, candles, features, signals]) {
    expect(read.map(({ symbol, open_time: time }) => [symbol, time])).toEqual(expected);
  }
  expect(rows.rows).toBe(0);
  expect(Object.values(taken(rows)).flat()).toEqual([]);
});
