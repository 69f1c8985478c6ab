/**
 * The instruments of one venue, remembered for a while. In: how to fetch them. Out: the one that a
 * text means: canonical `BASE/QUOTE`, the venue's own spelling in any case, or an alias. What is not
 * known is asked for again before it is refused, since venues list new instruments every day.
 */
import { AppError } from '#core/errors.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import type { Instrument } from './venue.ts';

export interface InstrumentCatalogue {
  /** @throws AppError WICK_ETL_UNSUPPORTED that lists what the venue has. */
  find(text: string, signal?: AbortSignal): Promise<Instrument>;
  /** Asks the venue, and remembers. */
  fetch(signal?: AbortSignal): Promise<readonly Instrument[]>;
}

export interface CatalogueOptions {
  /** Venue id, for messages. */
  readonly venue: string;
  readonly clock: Clock;
  readonly fetch: (signal?: AbortSignal) => Promise<readonly Instrument[]>;
  /** Why a spelling can be none of the instruments; null where nothing is known against it. */
  readonly explain?: ((text: string) => string | null) | undefined;
}

/** How long a list is good, and how soon an unknown symbol may look again. */
const GOOD_MS_MAX = 24 * 60 * 60 * 1000;
const GOOD_MS_MIN = 5 * 60 * 1000;
/** How many supported names an error lists. */
const LISTED_MAX = 20;

export function createCatalogue(options: CatalogueOptions): InstrumentCatalogue {
  const { venue, clock, fetch, explain } = options;
  let known: { readonly fetchedAt: EpochMs; readonly instruments: readonly Instrument[] } | null =
    null;
  const fetchNow = async (signal?: AbortSignal): Promise<readonly Instrument[]> => {
    const instruments = await fetch(signal);
    known = { fetchedAt: clock.now(), instruments };
    return instruments;
  };
  return {
    fetch: fetchNow,
    find: async (text, signal) => {
      let instruments: readonly Instrument[] = [];
      for (const goodMs of [GOOD_MS_MAX, GOOD_MS_MIN]) {
        const isFresh = known !== null && clock.now() - known.fetchedAt < goodMs;
        instruments = isFresh && known !== null ? known.instruments : await fetchNow(signal);
        const found = findInstrument(instruments, text);
        if (found !== undefined) return found;
      }
      const symbols = instruments.map(({ symbol }) => symbol);
      throw unsupported(venue, 'symbol', text, symbols, explain?.(text) ?? null);
    },
  };
}

/** The instrument that a text means; undefined where none or more than one could be meant. */
export function findInstrument(
  instruments: readonly Instrument[],
  text: string,
): Instrument | undefined {
  const exact = instruments.find(
    ({ symbol, venueSymbol, aliases }) =>
      symbol === text || venueSymbol === text || aliases.includes(text),
  );
  if (exact !== undefined) return exact;
  const lower = text.toLowerCase();
  const alike = instruments.filter(({ symbol, venueSymbol, aliases }) =>
    [symbol, venueSymbol, ...aliases].some((name) => name.toLowerCase() === lower),
  );
  return alike.length === 1 ? alike[0] : undefined;
}

/** What a venue does not have, why, and what it has. @param what for example `symbol`. */
export function unsupported(
  venue: string,
  what: string,
  value: string,
  known: readonly string[],
  why: string | null = null,
): AppError {
  const listed = known.length === 0 ? 'none' : known.slice(0, LISTED_MAX).join(', ');
  const more = known.length > LISTED_MAX ? ` and ${known.length - LISTED_MAX} more` : '';
  return new AppError(
    'WICK_ETL_UNSUPPORTED',
    `${venue} has no ${what} "${value}"${why === null ? '' : `: ${why}`}; it has ${listed}${more}`,
    { details: { exchange: venue, [what]: value } },
  );
}
