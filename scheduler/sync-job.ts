/** Jobs of kind `sync`: bring the catalogues of some venues up to date, each on its own. */
import { abortedOr } from './aborted.ts';
import { syncCatalogue, type CatalogueReport } from '../etl/index.ts';
import type { JobKind } from './job.ts';

export const syncKind: JobKind = {
  needs: 'exchanges',
  prepare:
    (job, { pool, venues }) =>
    async (signal) => {
      const reports: CatalogueReport[] = [];
      const failures: string[] = [];
      for (const exchange of job.exchanges) {
        try {
          reports.push(await syncCatalogue({ adapter: venues.open(exchange), pool, signal }));
        } catch (error) {
          failures.push(`${exchange}: ${abortedOr(signal, error)}`);
        }
      }
      return {
        wrote: reports.reduce((sum, { rows }) => sum + rows, 0),
        failures,
        report: { exchanges: reports.map(countsOf) },
      };
    },
};

/** Names would make the record long: a first sync lists hundreds. */
function countsOf(report: CatalogueReport): Record<string, unknown> {
  const { exchange, symbols, trading, listed, changed, delisted } = report;
  return {
    exchange,
    symbols,
    trading,
    listed: listed.length,
    changed: changed.length,
    delisted: delisted.length,
  };
}
