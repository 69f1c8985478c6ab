/** The adapter keeps what every venue promises, against the recorded venue on its real wire format. */
import { pino } from 'pino';
import { epochMs } from '#core/time.ts';
import { createManualClock, systemClock } from '#platform/clock.ts';
import {
  createRecordedVenue,
  RECORDINGS_DIRECTORY as directory,
} from '../../../local/venues/recorded-venue.ts';
import { testVenueContract } from '../../../tests/contracts/venue.ts';
import { createBinanceFutures } from './rest.ts';

const MINUTE = 60_000;
/** Of the recorded payments. */
const FUNDING_START = epochMs(1_741_276_800_000);
const EIGHT_HOURS = 8 * 60 * MINUTE;
const END = epochMs(1_748_964_720_000);

testVenueContract('binance-futures', async () => {
  const clock = createManualClock(epochMs(END - 10 * MINUTE - 1));
  const venue = await createRecordedVenue({ directory, clock, logger: pino({ level: 'silent' }) });
  const adapter = createBinanceFutures({
    baseUrl: venue.urls['binance-futures'].baseUrl,
    streamUrl: 'ws://127.0.0.1:9/market',
    clock: systemClock,
  });
  return {
    adapter,
    symbol: 'BTC/USDT',
    interval: '1m',
    from: epochMs(END - 600 * MINUTE),
    to: epochMs(END - 10 * MINUTE),
    candles: 590,
    funding: {
      symbol: 'BTC/USDT',
      from: FUNDING_START,
      to: epochMs(FUNDING_START + 10 * EIGHT_HOURS),
      payments: 10,
    },
    close: async () => {
      adapter.close();
      await venue.close();
    },
  };
});
