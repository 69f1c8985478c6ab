import { expect, test } from 'vitest';
import { describeCounts, describeFrame, type Frame } from './live-view.ts';
import { textWidth } from './screen.ts';
import { createStyle } from './style.ts';

const FRAME: Frame = {
  clock: { text: 'recorded venue at 2025-06-03 15:08:14 UTC, 60× time', hint: '' },
  counts: {
    postgresCandles: 190_508,
    changes: 190_600,
    lag: 12,
    deadLetters: 0,
    candles: 190_496,
    features: 190_496,
    signals: 190_490,
    slot: { active: true, lagBytes: 3_000, lost: null },
  },
  changesPerSecond: 48,
  signals: [
    {
      series: 'BTC/USDT 1m',
      open_time: '06-03 15:07',
      decision: 'Long',
      long: '0.83',
      short: '0.17',
      fired: 'trend_up, rsi_bullish',
    },
  ],
};

test('the table shows what the pipeline holds, how far it is behind and the newest signals', () => {
  expect(describeFrame(FRAME, createStyle(false))).toEqual([
    '',
    '  Wickstream  recorded venue at 2025-06-03 15:08:14 UTC, 60× time',
    '  Ctrl-C stops',
    '',
    '  candles in Postgres        190,508  closed',
    '  change events              190,600  48 a second',
    '  candles in ClickHouse      190,496  ',
    '  features                   190,496  one row a candle',
    '  signals                    190,490  Long, Short and Neutral',
    '  lag                             12  to analyse, 3 KiB of WAL to capture',
    '',
    '  newest signals',
    '  06-03 15:07  BTC/USDT 1m  Long     long 0.83  short 0.17  trend_up, rsi_bullish',
    '',
    '',
    '',
    '',
    '',
    '',
  ]);
});

test('it has as many lines without a signal, a slot or a rate, and fits 80 columns', () => {
  const empty = { ...FRAME, signals: [], changesPerSecond: null };
  const lines = describeFrame(
    { ...empty, counts: { ...FRAME.counts, lag: 1e9, slot: null } },
    createStyle(true),
  );
  expect(lines).toHaveLength(describeFrame(FRAME, createStyle(true)).length);
  for (const line of lines) expect(textWidth(line)).toBeLessThan(80);
});

test('columns stand below one another, however long a symbol is', () => {
  const [first] = FRAME.signals;
  const lines = describeFrame(
    {
      ...FRAME,
      signals: [first!, { ...first!, series: '1000PEPE/USDT 15m', decision: 'Neutral' }],
    },
    createStyle(false),
  );
  const shown = lines.filter((line) => line.includes('long 0.83'));
  expect(shown.map((line) => line.indexOf('long 0.83'))).toEqual([43, 43]);
});

test.each([
  [0, '0 bytes'],
  [1_048_000, '1023 KiB'],
  [51_449_856, '49.1 MiB'],
])('%i bytes of WAL are %s', (lagBytes, text) => {
  const counts = { ...FRAME.counts, slot: { active: true, lagBytes, lost: null } };
  expect(describeFrame({ ...FRAME, counts }, createStyle(false)).join('\n')).toContain(
    `to analyse, ${text} of WAL to capture`,
  );
});

test('all counts fit on one line elsewhere', () => {
  expect(describeCounts(FRAME.counts)).toBe(
    'postgres 190508 candles · kafka 190600 changes, 12 to go · clickhouse 190496 candles, 190496 features, 190490 signals',
  );
});
