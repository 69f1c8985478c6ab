import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  altered,
  CAPTURED,
  CAPTURED_LEDGER,
  captured,
  type CapturedMessage,
} from '../../tests/support/captured-messages.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { decodeCandleMessage, parseVersion } from './decode.ts';

const LSN = 2n ** 64n;

function decoded(message: CapturedMessage): CandleChange {
  const result = decodeCandleMessage(message);
  if (result.kind !== 'change') throw new Error(`${message.name}: ${JSON.stringify(result)}`);
  return result.change;
}

describe('a captured message', () => {
  test('is decoded whole', () => {
    expect(decoded(captured('insert'))).toEqual({
      series: {
        exchange: 'binance-futures',
        marketType: 'perp',
        symbol: 'SOL/USDT',
        interval: '1m',
      },
      key: 'binance-futures|perp|SOL/USDT|1m',
      openTime: Date.parse('2025-06-01T00:00:00Z'),
      values: {
        open: '100.5',
        high: '110',
        low: '90.000000000000000001',
        close: '105.25',
        volume: '12.5',
        quoteVolume: '1250.75',
        trades: 42,
        takerBuyBase: '6',
        takerBuyQuote: '600',
        isClosed: true,
      },
      revision: 0,
      observedAt: Date.parse('2025-06-01T00:10:00.123Z'),
      source: 'rest',
      ingestRunId: '9007199254740991',
      rawId: '17',
      op: 'c',
      origin: 'stream',
      version: 29486512n * LSN + 29486552n,
      lsn: '29486552',
      txId: 769,
      committedAt: 1795242843124,
      partition: 1,
      offset: '0',
    });
  });

  test.each<[string, Partial<CandleChange>]>([
    [
      'initial snapshot, first row',
      { op: 'r', origin: 'initial_snapshot', version: 29486320n * LSN },
    ],
    ['initial snapshot, another row', { op: 'r', origin: 'initial_snapshot', lsn: '29486320' }],
    ['initial snapshot, last row', { op: 'r', origin: 'initial_snapshot', txId: 767 }],
    ['insert', { op: 'c', origin: 'stream', revision: 0 }],
    ['update that closes it', { op: 'u', origin: 'stream', revision: 0 }],
    ['update that revises it', { op: 'u', revision: 1, source: 'bulk', lsn: '29487504' }],
    ['delete', { op: 'd', values: null, revision: 0, source: '', ingestRunId: null, rawId: null }],
    [
      'incremental snapshot, first row',
      { op: 'r', origin: 'incremental_snapshot', lsn: null, txId: null },
    ],
  ])('"%s" says what happened and where it stands', (name, expected) => {
    expect(decoded(captured(name))).toMatchObject(expected);
  });

  test('keeps absent optional values absent', () => {
    for (const name of CAPTURED.map((message) => message.name)) {
      if (!name.includes('without optional values')) continue;
      expect(decoded(captured(name))).toMatchObject({
        values: {
          volume: null,
          quoteVolume: null,
          trades: null,
          takerBuyBase: null,
          takerBuyQuote: null,
        },
        ingestRunId: null,
        rawId: null,
      });
    }
  });

  test('keeps the extreme decimals and tells 0 from absent', () => {
    expect(decoded(captured('insert of extreme values')).values).toMatchObject({
      open: '99999999999999999999.999999999999999999',
      low: '0.000000000000000001',
      volume: '0',
    });
  });

  test('says whether the candle is closed', () => {
    expect(decoded(captured('insert of an unclosed candle')).values?.isClosed).toBe(false);
    expect(decoded(captured('update that closes it')).values?.isClosed).toBe(true);
  });

  test('of a delete takes only the key from what was before', () => {
    const change = decoded(captured('delete'));
    expect(change.openTime).toBe(Date.parse('2025-06-01T00:00:00Z'));
    expect(change.observedAt).toBe(change.committedAt);
  });
});

describe('the version', () => {
  test('rises in stream order where the record LSN does not', () => {
    const stream = CAPTURED.filter(({ partition }) => partition === 1).map(decoded);
    const versions = stream.map(({ version }) => version);
    expect(versions).toEqual(versions.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(versions).size).toBe(stream.length);
    const lsns = stream.map(({ lsn }) => BigInt(lsn ?? 0));
    expect(lsns).not.toEqual(lsns.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  test('of an initial snapshot lies below what follows it, and is shared', () => {
    const changes = CAPTURED.map(decoded);
    const initial = changes.filter(({ origin }) => origin === 'initial_snapshot');
    const others = changes.filter(({ origin }) => origin !== 'initial_snapshot');
    expect(new Set(initial.map(({ version }) => version))).toEqual(new Set([29486320n * LSN]));
    expect(others.every(({ version }) => version > 29486320n * LSN)).toBe(true);
  });

  test('of a second initial snapshot lies above what was streamed before it', () => {
    const streamed = parseVersion('["30761504","30761504"]');
    const snapshot = parseVersion('[null,"30770000"]', 'initial_snapshot');
    const following = parseVersion('["30770000","30770168"]');
    expect(streamed < snapshot && snapshot < following).toBe(true);
  });

  test('of the first transaction after a snapshot lies above it, even at its very LSN', () => {
    const snapshot = parseVersion('[null,"30770000"]', 'initial_snapshot');
    const first = parseVersion('[null,"30770000"]');
    const second = parseVersion('[null,"30770168"]');
    const following = parseVersion('["30770300","30770400"]');
    expect(snapshot < first && first < second && second < following).toBe(true);
  });

  test('of a chunk is shared by its rows, in order of their open times', () => {
    const chunk = CAPTURED.map(decoded).filter(({ origin }) => origin === 'incremental_snapshot');
    expect(chunk).toHaveLength(3);
    expect(new Set(chunk.map(({ version }) => version)).size).toBe(1);
    const times = chunk.map(({ openTime }) => openTime);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('of the two halves of a key change is the same', () => {
    const before = decoded(captured('key change, its delete'));
    const after = decoded(captured('key change, its create'));
    expect(before.version).toBe(after.version);
    expect([before.series.symbol, after.series.symbol]).toEqual(['SOL/USDT', 'XSOL/USDT']);
  });

  const largest = 2n ** 64n - 1n;
  test.each<[string, bigint]>([
    ['[null,"0"]', 0n],
    ['[null,"29486320"]', 29486320n * LSN + 29486320n],
    ['["0","1"]', 1n],
    ['["1","0"]', LSN],
    ['["9007199254740993","9007199254740995"]', 9007199254740993n * LSN + 9007199254740995n],
    [`["${largest}","${largest}"]`, 2n ** 128n - 1n],
  ])('of %s is exact', (sequence, expected) => {
    expect(parseVersion(sequence)).toBe(expected);
  });

  test('orders pairs of LSNs as pairs', () => {
    const lsn = fc.bigInt({ min: 0n, max: largest });
    fc.assert(
      fc.property(lsn, lsn, lsn, lsn, (a, b, c, d) => {
        const left = parseVersion(`["${a}","${b}"]`);
        const right = parseVersion(`["${c}","${d}"]`);
        expect(left < right).toBe(a < c || (a === c && b < d));
      }),
      { numRuns: 200, seed: 20_250_601 },
    );
  });

  test.each([
    '',
    'null',
    '[]',
    '["1"]',
    '["1",null]',
    '[null,null]',
    '[1,2]',
    '["1","2","3"]',
    '["-1","2"]',
    '["1","0x2"]',
    '["1", "2"]',
    '["","2"]',
    `["${largest + 1n}","0"]`,
    `["0","${largest + 1n}"]`,
  ])('of %s is refused', (sequence) => {
    expect(() => parseVersion(sequence)).toThrow(`"${sequence}" is not a pair of LSNs`);
  });
});

test('an LSN beyond the integers of a JSON number loses no digit', () => {
  const message = altered(
    'insert',
    /"sequence":.*?"lsn":\d+/,
    String.raw`"sequence":"[\"9007199254740993\",\"9007199254740995\"]","table":"candles","txId":769,"lsn":9007199254740995`,
  );
  expect(decoded(message)).toMatchObject({
    version: 9007199254740993n * LSN + 9007199254740995n,
    lsn: '9007199254740995',
  });
});

test('a field that we do not know changes nothing', () => {
  const plain = decoded(captured('insert'));
  expect(decoded(altered('insert', '"after":{', '"after":{"mood":"good",'))).toEqual(plain);
  expect(decoded(altered('insert', '{"before"', '{"schema":{"a":[1]},"before"'))).toEqual(plain);
  expect(decoded(altered('insert', '"xmin":null', '"xmin":7,"shard":null'))).toEqual(plain);
});

test('fields that we do not know are named, to be counted', () => {
  expect(decodeCandleMessage(captured('insert'))).toMatchObject({ unknown: [] });
  const more = altered('insert', '"after":{', '"schema":1,"after":{"mood":"good","shard":7,');
  expect(decodeCandleMessage(more)).toMatchObject({
    kind: 'change',
    unknown: ['schema', 'after.mood', 'after.shard'],
  });
  for (const message of [...CAPTURED, ...CAPTURED_LEDGER]) {
    expect(decodeCandleMessage(message), message.name).toMatchObject({ unknown: [] });
  }
});

test('fields in another order change nothing', () => {
  const { value } = captured('insert');
  const reordered = JSON.stringify(
    JSON.parse(value.toString('utf8'), (_key, node: unknown) =>
      typeof node === 'object' && node !== null && !Array.isArray(node)
        ? Object.fromEntries(Object.entries(node).reverse())
        : node,
    ),
  );
  expect(decoded({ ...captured('insert'), value: Buffer.from(reordered) })).toEqual(
    decoded(captured('insert')),
  );
});

test('an empty record is a tombstone, not a change', () => {
  expect(decodeCandleMessage({ partition: 0, offset: '0', value: null })).toEqual({
    kind: 'tombstone',
  });
});
