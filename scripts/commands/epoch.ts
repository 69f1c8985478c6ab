/** `wick epoch begin`: takes on a Postgres whose WAL ends before what was captured from another. */
import { knownSources, lookAtPostgres } from '../../connectors/index.ts';
import { AppError } from '#core/errors.ts';
import { lsnText } from '#core/lsn.ts';
import { systemClock } from '#platform/clock.ts';
import { withCaptureStores } from '../pipeline/capture-stores.ts';
import { readReached } from '../pipeline/change-source.ts';
import { liftWal } from '../pipeline/epoch.ts';
import { commandConfig } from './command-config.ts';
import type { JsonFlag } from './flags.ts';

export interface EpochFlags extends JsonFlag {
  readonly yes?: boolean;
}

export async function begin(options: EpochFlags): Promise<void> {
  await withCaptureStores(commandConfig(), async ({ pool, clickhouse }) => {
    const known = knownSources(clickhouse, systemClock);
    const reached = await readReached(clickhouse);
    const { source } = await lookAtPostgres(pool);
    const say = (line: string): boolean => process.stderr.write(`${line}\n`);
    say(
      `found: Postgres is system ${source.systemIdentifier}, timeline ${source.timeline}, its WAL ends at ${lsnText(source.lsn)}; captured before: ${lsnText(reached)}`,
    );
    if (options.yes !== true) {
      throw new AppError(
        'WICK_USAGE',
        'This takes that server on as the one whose changes count from now on, and lifts its WAL above what was captured before; say so with --yes',
      );
    }
    const lsn = await liftWal(pool, reached, say);
    // Until its rows were sent once more, what this server holds is not what ClickHouse has.
    await known.keep({ ...source, lsn, lostAt: systemClock.now(), recoveredAt: 0 });
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ ...source, lsn: lsnText(lsn), reached: lsnText(reached) })}\n`
        : `begun       the WAL ends at ${lsnText(lsn)}, behind all that was captured before (${lsnText(reached)})\n` +
            `next        "npm run wick -- connector recover --yes": what this server holds is sent once more\n`,
    );
  });
}
