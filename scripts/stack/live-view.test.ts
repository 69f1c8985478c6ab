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
    candles: 190_496,
    features: 190_496,
    signals: 190_490,
    slot: { active: true, lagBytes: 3_000 },
  },
  changesPerSecond: 48,
  signals: [
    {
      series: 'BTC/USDT 1m',
      open_time: '2025-06-03 15:07',
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
    '  2025-06-03 15:07  BTC/USDT 1m      Long    long 0.83  short 0.17  trend_up, rsi_bullish',
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

test('all counts fit on one line elsewhere', () => {
  expect(describeCounts(FRAME.counts)).toBe(
    'postgres 190508 candles · kafka 190600 changes, 12 to go · clickhouse 190496 candles, 190496 features, 190490 signals',
  );
});
