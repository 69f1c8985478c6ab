/** The mapper keeps what those of all venues promise, on documented frames and lists. */
import { testMapperContract } from '../../../tests/contracts/venue-mapper.ts';
import { BINANCE_SPOT_MAPPER } from './mapper.ts';
import { createBinanceSpotStream } from './stream.ts';

const symbolOf = (base: string, quote: string): object => ({
  symbol: `${base}${quote}`,
  status: 'TRADING',
  baseAsset: base,
  quoteAsset: quote,
  filters: [],
});
const LIST = {
  rateLimits: [],
  symbols: [symbolOf('BNB', 'BTC'), symbolOf('BTC', 'FDUSD'), symbolOf('1000CAT', 'USDT')],
};
/** The example of the venue's documentation. */
const DOCUMENTED =
  '{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"T":1672515839999,' +
  '"s":"BNBBTC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015",' +
  '"v":"1000","n":100,"x":false,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}';
const [instrument] = BINANCE_SPOT_MAPPER.mapInstruments(LIST)?.instruments ?? [];
if (instrument === undefined) throw new Error('the list holds no instrument');

testMapperContract({
  mapper: BINANCE_SPOT_MAPPER,
  instruments: JSON.stringify(LIST),
  spellings: { bnbbtc: 'BNB/BTC', 'btc-fdusd': 'BTC/FDUSD' },
  refusedSpellings: { BTC: /BASE\/QUOTE/, BTCUSDT_260327: /delivery contract/ },
  quotes: ['USDT', 'FDUSD', 'BTC', 'TRY', 'EUR'],
  stream: {
    stream: createBinanceSpotStream('wss://stream.binance.com:9443'),
    series: { instrument, interval: '1m' },
    candles: [DOCUMENTED, `{"stream":"bnbbtc@kline_1m","data":${DOCUMENTED}}`],
    refused: '{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":1}',
    rejected: [DOCUMENTED.replace('"T":1672515839999', '"T":1672515840000')],
    numbered: [],
  },
});
