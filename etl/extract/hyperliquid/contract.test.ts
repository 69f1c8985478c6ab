/** The mapper keeps what those of all venues promise, on captured frames and lists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testMapperContract } from '../../../tests/contracts/venue-mapper.ts';
import { HYPERLIQUID_MAPPER } from './mapper.ts';
import { createHyperliquidStream } from './stream.ts';

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');

const LIST = read('meta-first6.json');
const FRAMES = read('stream-candles.jsonl').trim().split('\n');
const [instrument] = HYPERLIQUID_MAPPER.mapInstruments(JSON.parse(LIST))?.instruments ?? [];
if (instrument === undefined) throw new Error('the list holds no instrument');

testMapperContract({
  mapper: HYPERLIQUID_MAPPER,
  instruments: LIST,
  spellings: {
    BTC: 'BTC/USDC',
    btc: 'BTC/USDC',
    'BTC/USDC': 'BTC/USDC',
    'btc-usdc': 'BTC/USDC',
    kPEPE: 'kPEPE/USDC',
    'kpepe/usdc': 'kPEPE/USDC',
    'XYZ:tsla': 'xyz:TSLA/USDC',
    'xyz:TSLA/USDC': 'xyz:TSLA/USDC',
  },
  refusedSpellings: {
    '@107': /spot pair/,
    'BTC/USDT': /quoted in USDC/,
    'BTC/USDC/X': /quoted in USDC/,
    '': /no coin/,
    'B C': /no coin/,
  },
  quotes: ['USDC'],
  stream: {
    stream: createHyperliquidStream('wss://api.hyperliquid.xyz/ws'),
    series: { instrument, interval: '1m' },
    candles: FRAMES,
    refused:
      '{"channel":"error","data":"Error parsing JSON into valid websocket request: ' +
      '{\\"method\\": \\"subscribe\\"}"}',
    rejected: FRAMES.map((frame) => frame.replace('"83765.0"', '"x"')),
    numbered: [],
  },
});
