/** `wick sync`: the catalogues of venues in Postgres, as they are now. Exit 1 if one could not be read. */
import { parseVenueId, syncCatalogue, VENUE_IDS, type CatalogueReport } from '../../etl/index.ts';
import { findUsedVenues } from '../../scheduler/used-venues.ts';
import { AppError, errorText } from '#core/errors.ts';
import { withVenueAccess } from '../pipeline/venue-access.ts';
import { commandConfig } from './command-config.ts';
import { amount } from './amounts.ts';
import type { JsonFlag } from './flags.ts';
import { parseListFlag } from './series-flags.ts';

export interface SyncFlags extends JsonFlag {
  readonly exchange?: string;
}

interface SyncFailure {
  readonly exchange: string;
  readonly code: string;
  readonly message: string;
}

const NAMED_MAX = 10;

export async function sync(options: SyncFlags): Promise<number> {
  const asked =
    options.exchange === undefined ? VENUE_IDS : parseListFlag('exchange', options.exchange);
  const config = commandConfig();
  const ids = asked.map((id) => parseVenueId(id, config));
  const reports: CatalogueReport[] = [];
  const failures: SyncFailure[] = [];
  await withVenueAccess(config, async ({ pool, venues, signal }) => {
    const { symbols } = await findUsedVenues({ config, pool, venues });
    for (const exchange of ids) {
      try {
        const wanted = [...(symbols.get(exchange) ?? [])];
        reports.push(await syncCatalogue({ adapter: venues.open(exchange), pool, wanted, signal }));
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof AppError)) throw error;
        failures.push({ exchange, code: error.code, message: errorText(error) });
      }
    }
  });
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ exchanges: reports, failures })}\n`);
  } else {
    for (const report of reports) process.stdout.write(describe(report));
  }
  for (const { exchange, message } of failures) {
    process.stderr.write(`wick: ${exchange} was not synced: ${message}\n`);
  }
  return failures.length === 0 ? 0 : 1;
}

function describe(report: CatalogueReport): string {
  const { exchange, symbols, trading, rows } = report;
  const written =
    rows === 0 ? 'nothing changed' : `${amount(rows, 'row')} of the catalogue written`;
  const lines = [`${exchange}: ${amount(symbols, 'symbol')}, ${trading} trading; ${written}`];
  for (const what of ['listed', 'changed', 'delisted', 'ambiguous'] as const) {
    const names = report[what];
    if (names.length === 0) continue;
    const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
    lines.push(`  ${what}: ${names.slice(0, NAMED_MAX).join(', ')}${more}`);
  }
  return `${lines.join('\n')}\n`;
}
