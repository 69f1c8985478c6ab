/**
 * Recordings with SYNTHETIC funding beside them, for a venue whose real payments may not be bundled. In:
 * a start and a seed. Out: a folder that the recorded venue reads; nobody ever paid what is in it.
 */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RECORDINGS_DIRECTORY } from '../../local/venues/recorded-venue.ts';

const HOUR = 3_600_000;

export interface SyntheticRecordings {
  readonly directory: string;
  close(): Promise<void>;
}

/** @param count hourly payments of kPEPE from `start` on, some ms past each hour. */
export async function makeSyntheticFunding(
  start: number,
  count: number,
  seed: number,
): Promise<SyntheticRecordings> {
  const directory = await mkdtemp(join(tmpdir(), 'wick-synthetic-funding-'));
  const folder = join(directory, 'hyperliquid');
  await mkdir(folder);
  const candles = 'kPEPE-1h.csv.gz';
  await copyFile(join(RECORDINGS_DIRECTORY, 'hyperliquid', candles), join(folder, candles));
  let state = seed;
  const next = (): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648);
  const rows = Array.from({ length: count }, (_, index) => {
    const time = start + index * HOUR + (next() % 90);
    return `${time},0.${String(next() % 100_000).padStart(10, '0')},,-0.000${next() % 10_000}`;
  });
  const text = `timestamp_ms,rate,mark_price,premium\n${rows.join('\n')}\n`;
  await writeFile(join(folder, 'kPEPE-funding.csv'), text);
  return { directory, close: async () => rm(directory, { recursive: true, force: true }) };
}
