/**
 * The adapter keeps what every venue promises, against the recorded venue on its real wire format. No
 * recording of the spot market may be bundled, so the candles are those of the perpetual under a
 * SYNTHETIC name: what is tested is the wire, not the prices.
 */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { epochMs } from '#core/time.ts';
import { createManualClock, systemClock } from '#platform/clock.ts';
import { createRecordedVenue } from '../../../local/venues/recorded-venue.ts';
import { testVenueContract } from '../../../tests/contracts/venue.ts';
import { createBinanceSpot } from './rest.ts';

const recorded = join(import.meta.dirname, '../../../tests/support/recordings-small');
const CANDLES = 590;
const TO = epochMs(1_748_964_120_000);
const FROM = epochMs(TO - CANDLES * 60_000);

testVenueContract('binance-spot', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wick-synthetic-spot-'));
  await mkdir(join(directory, 'binance-spot'));
  await copyFile(
    join(recorded, 'BTCUSDT-1m.csv.gz'),
    join(directory, 'binance-spot', 'BTCUSDT-1m.csv.gz'),
  );
  const clock = createManualClock(epochMs(TO - 1));
  const venue = await createRecordedVenue({ directory, clock, logger: pino({ level: 'silent' }) });
  const adapter = createBinanceSpot({
    ...venue.urls['binance-spot'],
    clock: systemClock,
    pageSize: 200,
  });
  return {
    adapter,
    symbol: 'BTC/USDT',
    interval: '1m',
    from: FROM,
    to: TO,
    candles: CANDLES,
    funding: null,
    close: async () => {
      adapter.close();
      await venue.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
