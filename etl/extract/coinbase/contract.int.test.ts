/** The adapter keeps what every venue promises, against the recorded venue on its real wire format. */
import { pino } from 'pino';
import { epochMs } from '#core/time.ts';
import { createManualClock, systemClock } from '#platform/clock.ts';
import { createRecordedVenue } from '../../../local/venues/recorded-venue.ts';
import { testVenueContract } from '../../../tests/contracts/venue.ts';
import { recordingsOf } from '../../../tests/support/recordings-of.ts';
import { createCoinbase } from './rest.ts';

const CANDLES = 700;
/** A stretch of the recording in which something was traded each minute. */
const FROM = epochMs(1_522_800_000_000);
const TO = epochMs(FROM + CANDLES * 60_000);

testVenueContract('coinbase', async () => {
  const folder = await recordingsOf('coinbase');
  const clock = createManualClock(epochMs(TO - 1));
  const venue = await createRecordedVenue({
    directory: folder.directory,
    clock,
    logger: pino({ level: 'silent' }),
  });
  const adapter = createCoinbase({ ...venue.urls.coinbase, clock: systemClock });
  return {
    adapter,
    symbol: 'BTC/USD',
    interval: '1m',
    from: FROM,
    to: TO,
    candles: CANDLES,
    missingInterval: '4h',
    funding: null,
    close: async () => {
      adapter.close();
      await venue.close();
      await folder.close();
    },
  };
});
