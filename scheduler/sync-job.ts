/**
 * Jobs of kind `sync`: bring the catalogues of venues up to date, each on its own, so that one in trouble
 * fails its part alone. With USED all venues that are collected, streamed or stored.
 */
import { abortedOr } from './aborted.ts';
import { syncCatalogue, type CatalogueReport } from '../etl/index.ts';
import type { JobKind } from './job.ts';
import { findUsedVenues } from './used-venues.ts';

export const syncKind: JobKind = {
  needs: 'exchanges',
  prepare: (job, services) => async (signal) => {
    const { pool, venues, logger } = services;
    const reports: CatalogueReport[] = [];
    const failures: string[] = [];
    const used = await findUsedVenues(services);
    for (const why of used.passedOver) logger.warn({ job: job.name }, `passed over: ${why}`);
    const exchanges = new Set([...job.exchanges, ...(job.usedVenues ? used.symbols.keys() : [])]);
    for (const exchange of exchanges) {
      try {
        const adapter = venues.open(exchange);
        const wanted = [...(used.symbols.get(exchange) ?? [])];
        reports.push(await syncCatalogue({ adapter, pool, wanted, signal }));
      } catch (error) {
        failures.push(`${exchange}: ${abortedOr(signal, error)}`);
      }
    }
    return {
      wrote: reports.reduce((sum, { rows }) => sum + rows, 0),
      failures,
      report: {
        exchanges: reports.map(countsOf),
        ...(used.passedOver.length > 0 ? { passedOver: used.passedOver } : {}),
      },
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
