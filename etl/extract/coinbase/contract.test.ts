/** The mapper keeps what those of all venues promise, on captured lists and documented frames. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { testMapperContract } from '../../../tests/contracts/venue-mapper.ts';
import { COINBASE_MAPPER } from './mapper.ts';
import { createCoinbaseStream } from './stream.ts';

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');

const Cassette = Type.Array(Type.Object({ response: Type.Object({ body: Type.String() }) }));
const [recorded] = Value.Parse(Cassette, JSON.parse(read('products.vcr.json')));
const LIST = recorded?.response.body ?? '';
const [subscribed = '', snapshot = '', heartbeat = '', update = '', refused = ''] = read(
  'stream-documented.jsonl',
)
  .trim()
  .split('\n');
const instrument = COINBASE_MAPPER.mapInstruments(COINBASE_MAPPER.parse(LIST))?.instruments.find(
  ({ venueSymbol }) => venueSymbol === 'ETH-USD',
);
if (instrument === undefined) throw new Error('the list does not hold ETH-USD');

testMapperContract({
  mapper: COINBASE_MAPPER,
  instruments: LIST,
  spellings: {
    btcusd: 'BTC/USD',
    'btc-usd': 'BTC/USD',
    'BTC-USD': 'BTC/USD',
    'BTC/USD': 'BTC/USD',
    ETHBTC: 'ETH/BTC',
    BTCUSDC: 'BTC/USDC',
  },
  refusedSpellings: {
    'BIT-28JUL23-CDE': /future/,
    BTC: /no pair/,
    USD: /no pair/,
    'BTC-': /no pair/,
    '': /no pair/,
  },
  quotes: ['USD', 'EUR', 'GBP', 'USDC', 'BTC'],
  stream: {
    stream: createCoinbaseStream('wss://advanced-trade-ws.coinbase.com'),
    series: { instrument, interval: '5m' },
    candles: [snapshot, update],
    refused,
    rejected: [update.replace('"1867.72"', '"x"'), update.replace('"start"', '"begin"')],
    numbered: [subscribed, snapshot, heartbeat, update],
  },
});
