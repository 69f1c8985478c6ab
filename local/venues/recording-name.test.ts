import { describe, expect, test } from 'vitest';
import { parseRecordingName, parseRecordingPath } from './recording-name.ts';

function check(fileName: string, expected: string | RegExp): void {
  const result = fileName.includes('/')
    ? parseRecordingPath(fileName)
    : parseRecordingName(fileName);
  const shown = result.ok
    ? `${result.name.base}/${result.name.quote} ${result.name.interval}${result.name.compressed ? ' gz' : ''}`
    : result.reason;
  if (typeof expected === 'string') expect(shown).toBe(expected);
  else expect(shown).toMatch(expected);
}

describe('a recording name', () => {
  test.each([
    ['BTCUSDT-1m.csv.gz', 'BTC/USDT 1m gz'],
    ['BTC-USD-1d.csv', 'BTC/USD 1d'],
    ['BTC_USDT-4h.csv', 'BTC/USDT 4h'],
    ['EURUSD-1h.csv', 'EUR/USD 1h'],
    ['USDJPY-1m.csv', 'USD/JPY 1m'],
    ['1000SHIBUSDT-1m.csv', '1000SHIB/USDT 1m'],
    ['kPEPE-USDC-1m.csv', 'kPEPE/USDC 1m'],
    ['BTCFDUSD-1m.csv', 'BTC/FDUSD 1m'],
    ['ETHBTC-1M.csv', 'ETH/BTC 1M'],
    ['币安人生USDT-1m.csv', '币安人生/USDT 1m'],
    ['btcusdt-1m.csv', 'BTC/USDT 1m'],
    ['BTCUSDT-funding.csv.gz', 'BTC/USDT funding gz'],
    ['coinbase/BTC-USD-1m.csv.gz', 'BTC/USD 1m gz'],
    ['hyperliquid/kPEPE-1h.csv', 'kPEPE/USDC 1h'],
    ['hyperliquid/xyz:TSLA-funding.csv', 'xyz:TSLA/USDC funding'],
  ])('maps "%s"', check);

  test.each([
    ['BTC-1m.csv', /symbol "BTC" cannot be split/],
    ['USDT-1m.csv', /symbol "USDT" cannot be split/],
    ['kPEPE-1m.csv.gz', /symbol "kPEPE" cannot be split/],
    ['BTC_USDT_USDT-1m.csv', /cannot be split/],
    ['BTCUSDT-1m.second-recording.csv.gz', /"recording" is not an interval; known are 1m, 3m/],
    ['BTCUSDT-1d-2020-2026.csv.gz', /"2026" is not an interval/],
    ['BTCUSDT-7m.csv', /"7m" is not an interval/],
    ['BTCUSDT.csv', /no "-" between symbol and interval/],
    ['-1m.csv', /no "-" between/],
    ['BTCUSDT-1m.parquet', /not a .csv or .csv.gz file/],
    ['.csv', /not a .csv or .csv.gz file/],
    ['hyperliquid/PURR-USDC-1h.csv', /symbol "PURR-USDC" cannot be split/],
    ['kraken/BTC-USD-1h.csv', /in a folder of no venue/],
  ])('refuses "%s" with the reason', check);
});
