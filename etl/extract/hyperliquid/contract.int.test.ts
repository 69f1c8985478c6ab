/**
 * The adapter keeps what every venue promises, against the recorded venue on its real wire format. The
 * candles are recorded; the funding is synthetic, since no recording of it may be bundled.
 */
import { pino } from 'pino';
import { epochMs } from '#core/time.ts';
import { createManualClock, systemClock } from '#platform/clock.ts';
import { createRecordedVenue } from '../../../local/venues/recorded-venue.ts';
import { testVenueContract } from '../../../tests/contracts/venue.ts';
import { recordingsOf } from '../../../tests/support/recordings-of.ts';
import { syntheticFunding } from '../../../tests/support/synthetic-funding.ts';
import { createHyperliquid } from './rest.ts';

const HOUR = 3_600_000;
const CANDLES = 24;
const FROM = epochMs(1_684_699_200_000);
const TO = epochMs(FROM + CANDLES * HOUR);
/** More than one answer holds, up to the end of the recording. */
const PAYMENTS = 1_100;
const FUNDING_FROM = epochMs(TO - PAYMENTS * HOUR);

testVenueContract('hyperliquid', async () => {
  const folder = await recordingsOf('hyperliquid', {
    'kPEPE-funding.csv': syntheticFunding(FUNDING_FROM, PAYMENTS, 4),
  });
  const clock = createManualClock(epochMs(TO - 1));
  const venue = await createRecordedVenue({
    directory: folder.directory,
    clock,
    logger: pino({ level: 'silent' }),
  });
  const adapter = createHyperliquid({
    ...venue.urls.hyperliquid,
    clock: systemClock,
    pageSize: 10,
  });
  return {
    adapter,
    symbol: 'kPEPE/USDC',
    interval: '1h',
    from: FROM,
    to: TO,
    candles: CANDLES,
    missingInterval: '6h',
    funding: { symbol: 'kPEPE/USDC', from: FUNDING_FROM, to: TO, payments: PAYMENTS },
    close: async () => {
      adapter.close();
      await venue.close();
      await folder.close();
    },
  };
});
