/**
 * The web sources by name. In: an id and the configuration. Out: the source, opened as a venue. Built
 * in are those beside this file; a user's own are declared as JSON files in a folder.
 */
import type { Config } from '#platform/config.ts';
import { createCbrSource } from './cbr/source.ts';
import { createCnbSource } from './cnb/source.ts';
import { createEcbSource } from './ecb/source.ts';
import { loadDeclarations } from './html-table/load-declarations.ts';
import { createTableSource } from './html-table/source.ts';
import { createNbgSource } from './nbg/source.ts';
import type { SharedPages } from './shared-pages.ts';
import type { WebSource } from './source.ts';
import { createWebVenue, type WebVenue, type WebVenueOptions } from './web-venue.ts';

/** Id of a web source that exists. */
export type WebSourceId = string & { readonly __brand: 'WebSourceId' };

type Where = Pick<Config, 'WEB_SOURCES_DIR'>;

const BUILT_IN: Readonly<Record<string, (config: Config) => WebSource>> = {
  ecb: ({ ECB_URL }) => createEcbSource(ECB_URL),
  cbr: ({ CBR_URL }) => createCbrSource(CBR_URL),
  cnb: ({ CNB_URL }) => createCnbSource(CNB_URL),
  nbg: ({ NBG_URL }) => createNbgSource(NBG_URL),
};

/**
 * @param taken ids of venues that are no web sources.
 * @param where absent where only the built-in ones are wanted.
 * @throws AppError WICK_ETL_SOURCE_INVALID for a declaration that is broken.
 */
export function webSourceIds(
  taken: readonly string[],
  where: Where | undefined,
): readonly WebSourceId[] {
  const builtIn = Object.keys(BUILT_IN);
  const declared =
    where === undefined ? [] : loadDeclarations(where.WEB_SOURCES_DIR, [...taken, ...builtIn]);
  return [...builtIn, ...declared.map(({ id }) => id)] as WebSourceId[];
}

/** Opens a source; the caller closes it. */
export function openWebSource(
  id: WebSourceId,
  taken: readonly string[],
  config: Config,
  settings: Pick<WebVenueOptions, 'clock' | 'logger'> & {
    readonly shared?: { readonly pages: SharedPages } | undefined;
  },
): WebVenue {
  const source = BUILT_IN[id]?.(config) ?? declaredSource(id, taken, config);
  const allowLoopback = config.WEB_ALLOW_LOOPBACK === 'true';
  const { clock, logger, shared } = settings;
  return createWebVenue(source, { clock, logger, allowLoopback, shared: shared?.pages });
}

function declaredSource(id: WebSourceId, taken: readonly string[], where: Where): WebSource {
  const known = loadDeclarations(where.WEB_SOURCES_DIR, [...taken, ...Object.keys(BUILT_IN)]);
  const declaration = known.find((each) => each.id === id);
  if (declaration !== undefined) return createTableSource(declaration);
  throw new Error(`the web source "${id}" is gone since its id was read`);
}
