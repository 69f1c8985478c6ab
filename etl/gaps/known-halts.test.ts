/** The bundled list against holes that recordings have, and a user's list against its mistakes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import type { Interval } from '#core/interval.ts';
import { parseInstant } from '#core/time.ts';
import { haltedSlots, loadHalts, parseHalts } from './known-halts.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'wick-halts-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const SPOT: Series = {
  exchange: 'binance-spot',
  marketType: 'spot',
  symbol: 'BTC/USDT',
  interval: '4h',
};
const COINBASE: Series = { ...SPOT, exchange: 'coinbase', symbol: 'BTC/USD' };

/** Open times of a series that lie in a bundled halt, of those given. */
function inHalts(series: Series, opens: readonly string[]): string[] {
  const slots = haltedSlots(loadHalts(), series);
  return opens.filter((open) => {
    const time = parseInstant(open);
    return slots.some(({ from, to }) => time >= from && time < to);
  });
}

describe('the bundled list', () => {
  // Holes of recorded history: BTC/USDT 4h of Binance spot and BTC/USD 4h of Coinbase.
  test.each([
    [SPOT, '4h', ['2018-02-08T04:00Z', '2018-02-09T04:00Z', '2018-06-26T04:00Z']],
    [SPOT, '4h', ['2018-06-26T08:00Z', '2018-07-04T04:00Z', '2018-11-14T04:00Z']],
    [SPOT, '4h', ['2019-03-12T04:00Z', '2019-05-15T04:00Z', '2019-05-15T08:00Z']],
    [SPOT, '4h', ['2020-02-19T12:00Z']],
    [SPOT, '1h', ['2023-03-24T13:00Z']],
    [COINBASE, '4h', ['2025-10-25T16:00Z']],
  ] satisfies [Series, Interval, string[]][])(
    'knows holes of $exchange',
    (series, interval, opens) => {
      expect(inHalts({ ...series, interval }, opens)).toEqual(opens);
    },
  );

  test('does not reach over candles that recordings have beside them', () => {
    const beside = ['2018-02-08T00:00Z', '2018-02-09T08:00Z', '2018-06-26T00:00Z'];
    const more = ['2018-06-26T12:00Z', '2020-02-19T08:00Z', '2020-02-19T16:00Z'];
    expect(inHalts(SPOT, [...beside, ...more])).toEqual([]);
    expect(inHalts({ ...SPOT, exchange: 'binance-futures' }, ['2018-02-08T04:00Z'])).toEqual([]);
  });

  test('names a source and words for each, in the order of time, none twice', () => {
    const halts = loadHalts();
    expect(halts.length).toBeGreaterThan(20);
    for (const exchange of new Set(halts.map((halt) => halt.exchange))) {
      const own = halts.filter((halt) => halt.exchange === exchange);
      own.forEach((halt, index) => {
        expect(halt.from).toBeGreaterThanOrEqual(own[index - 1]?.to ?? 0);
      });
    }
  });
});

test('a candle is halted only where all of it is', () => {
  const text = JSON.stringify({
    halts: [halt({ from: '2026-01-01T00:00:30Z', to: '2026-01-01T00:03:00Z' })],
  });
  const minutes: Series = { ...SPOT, exchange: 'venue', interval: '1m' };
  const [slots] = haltedSlots(parseHalts(text, 'own.json'), minutes);
  const opens = [0, 1, 2, 3].filter((minute) => {
    const open = Date.UTC(2026, 0, 1, 0, minute);
    return slots !== undefined && open >= slots.from && open < slots.to;
  });
  expect(opens).toEqual([1, 2]);
  expect(slots?.detail).toBe(
    'halted from 2026-01-01T00:00:30.000Z to 2026-01-01T00:03:00.000Z: upgrade (https://venue.example/news)',
  );
  expect(haltedSlots(parseHalts(text, 'own.json'), { ...minutes, interval: '1h' })).toEqual([]);
});

function halt(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    exchange: 'venue',
    from: '2026-01-01T00:00:00Z',
    to: '2026-01-01T01:00:00Z',
    source: 'https://venue.example/news',
    note: 'upgrade',
    ...changes,
  };
}

describe('a list of the user', () => {
  test('is added to the bundled one', () => {
    const path = join(FOLDER, 'own.json');
    writeFileSync(path, JSON.stringify({ halts: [halt()] }));
    expect(loadHalts(path)).toHaveLength(loadHalts().length + 1);
  });

  test.each([
    ['{', 'it is no JSON'],
    ['{"halts": 1}', 'halts must be array'],
    [JSON.stringify({ halts: [halt({ note: undefined })] }), 'note'],
    [JSON.stringify({ halts: [halt({ until: 'x' })] }), 'until'],
    [JSON.stringify({ halts: [halt({ from: 'yesterday' })] }), 'halts.0.from is "yesterday"'],
    [JSON.stringify({ halts: [halt({ from: '2027-01-01T00:00:00Z' })] }), 'is not after from'],
    [JSON.stringify({ halts: [halt({ source: 'hearsay' })] }), 'halts.0.source'],
  ])('that says %s is refused, with file and field', (text, what) => {
    const refused = (): unknown => parseHalts(text, 'own.json');
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'WICK_ETL_HALTS_INVALID',
        message: expect.stringContaining(what),
      }),
    );
    expect(refused).toThrow('"own.json"');
  });

  test('that is not there is an error, not an empty list', () => {
    expect(() => loadHalts(join(FOLDER, 'absent.json'))).toThrow('there is no such file');
  });
});
