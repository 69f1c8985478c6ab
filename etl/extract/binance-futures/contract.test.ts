/** The mapper keeps what those of all venues promise, on captured frames and lists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testMapperContract } from '../../../tests/contracts/venue-mapper.ts';
import { BINANCE_FUTURES_MAPPER } from './mapper.ts';
import { createBinanceFuturesStream } from './stream.ts';

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');

/** Shaped as the documented list, with the odd names that are listed. */
const symbolOf = (base: string, quote: string): object => ({
  symbol: `${base}${quote}`,
  contractType: 'PERPETUAL',
  status: 'TRADING',
  baseAsset: base,
  quoteAsset: quote,
  filters: [],
});
const LIST = {
  rateLimits: [],
  symbols: [
    symbolOf('BTC', 'USDT'),
    symbolOf('BTC', 'USDC'),
    symbolOf('1000SHIB', 'USDT'),
    symbolOf('币安人生', 'USDT'),
    symbolOf('ETH', 'BTC'),
  ],
};
const OPEN = read('stream-kline-open.json');
const [instrument] = BINANCE_FUTURES_MAPPER.mapInstruments(LIST)?.instruments ?? [];
if (instrument === undefined) throw new Error('the list holds no instrument');

testMapperContract({
  mapper: BINANCE_FUTURES_MAPPER,
  instruments: JSON.stringify(LIST),
  spellings: { btcusdt: 'BTC/USDT', 'BTC-USDT': 'BTC/USDT', '1000shibusdt': '1000SHIB/USDT' },
  refusedSpellings: { BTCUSDT_260327: /delivery contract/, BTCUSD_PERP: /coin-margined/ },
  quotes: ['USDT', 'USDC', 'BUSD', 'FDUSD', 'BTC'],
  stream: {
    stream: createBinanceFuturesStream('wss://fstream.binance.com/market'),
    series: { instrument, interval: '1m' },
    candles: [OPEN, JSON.stringify((JSON.parse(OPEN) as { data: unknown }).data)],
    refused: '{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":1}',
    rejected: [OPEN.replace('"83084.90"', 'null'), OPEN.replace('"83084.90"', '"NaN"')],
    numbered: [],
  },
});
