import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { testFixturesAreListed } from '../../../tests/support/listed-fixtures.ts';
import { BINANCE_SPOT_MAPPER } from './mapper.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');

test('the captured klines become candles of the pair', () => {
  const Cassette = Type.Array(Type.Object({ response: Type.Object({ body: Type.String() }) }));
  const text = readFileSync(join(FIXTURES, 'klines-1m.vcr.json'), 'utf8');
  const [recorded] = Value.Parse(Cassette, JSON.parse(text));
  const mapped = BINANCE_SPOT_MAPPER.mapCandles(JSON.parse(recorded?.response.body ?? ''), {
    series: { exchange: 'binance-spot', marketType: 'spot', symbol: 'BTC/USDT', interval: '1m' },
    from: epochMs(1_624_438_800_000),
    to: epochMs(1_624_440_000_001),
    venueNow: epochMs(1_624_559_557_000),
    observedAt: epochMs(1_624_559_557_000),
  });
  expect(mapped?.rejects).toEqual([]);
  expect(mapped?.candles.map(({ candle }) => candle)).toMatchObject([
    { marketType: 'spot', open: '33800', low: '33666.01', volume: '0.64906', trades: 52 },
    { openTime: 1_624_438_860_000, quoteVolume: '16527.62739828', isClosed: true },
  ]);
});

describe('instruments', () => {
  const pair = {
    symbol: 'ETHBTC',
    status: 'TRADING',
    baseAsset: 'ETH',
    quoteAsset: 'BTC',
    filters: [
      { filterType: 'PRICE_FILTER', tickSize: '0.00000100' },
      { filterType: 'LOT_SIZE', stepSize: '0.00100000' },
    ],
  };
  const symbols = [
    pair,
    { ...pair, status: 'BREAK' },
    { ...pair, isSpotTradingAllowed: false },
    { symbol: 'X' },
  ];
  const mapped = BINANCE_SPOT_MAPPER.mapInstruments({ rateLimits: [], symbols });

  test('come with their steps, and trade only where the venue says so', () => {
    expect(mapped?.instruments[0]).toMatchObject({
      symbol: 'ETH/BTC',
      marketType: 'spot',
      tickSize: '0.000001',
      stepSize: '0.001',
    });
    expect(mapped?.instruments.map(({ isTrading }) => isTrading)).toEqual([true, false, false]);
  });

  test('that are malformed are left out with the reason', () => {
    expect(mapped?.leftOut).toMatchObject([{ reason: 'malformed_row', index: 3 }]);
  });
});

testFixturesAreListed(FIXTURES);
