/**
 * What came instead of an answer: the venue's own error, a web page, or no JSON at all. In: a mapper and
 * a text. Out: the parsed answer, or an error that repeats what the venue said, so that nobody looks for
 * a fault in rows that there never were.
 */
import { AppError } from '#core/errors.ts';
import type { VenueMapper } from './extract/mapper.ts';

/** As much of a venue's error as is told. */
const ERROR_CHARACTERS_MAX = 300;
/** A web page says what it is within this. */
const PAGE_LOOK_CHARACTERS = 4_096;

/**
 * @param kind what the answer should hold, for messages.
 * @throws AppError WICK_ETL_VENUE_PAYLOAD for what is no JSON, and for an error of the venue.
 */
export function parseAnswer(
  { mapper, text }: { readonly mapper: VenueMapper; readonly text: string },
  kind: string,
): unknown {
  let json: unknown;
  try {
    json = mapper.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    refuseError(mapper, bareText(text), kind);
    throw payloadError(
      `that is not JSON (${error.message}); it begins "${startOf(text)}"; give the bare answer`,
    );
  }
  refuseError(mapper, json, kind);
  return json;
}

/** Words that stand alone, as some venues send errors; undefined for a JSON text that was cut. */
function bareText(text: string): string | undefined {
  const words = text.trim();
  return /^["[{]/.test(words) ? undefined : words.slice(0, ERROR_CHARACTERS_MAX);
}

/** @throws AppError WICK_ETL_VENUE_PAYLOAD with the words of the venue, where they are its error. */
function refuseError(mapper: VenueMapper, json: unknown, kind: string): void {
  const said = mapper.errorOf(json);
  if (said === null) return;
  throw payloadError(
    `that is an error of ${mapper.id} and no answer with ${kind}; the venue says: ${said.slice(0, ERROR_CHARACTERS_MAX)}`,
  );
}

/** @throws AppError WICK_ETL_VENUE_PAYLOAD for nothing at all, and for a web page, with its title. */
export function refusePage({ id }: VenueMapper, text: string): void {
  if (text.trim() === '') throw payloadError(`that is empty; give the bare answer of ${id}`);
  if (!/^\s*<(?:!doctype|html|head|body|\?xml|!--)/i.test(text.slice(0, PAGE_LOOK_CHARACTERS)))
    return;
  const title = /<title[^>]*>([^<]*)</i.exec(text.slice(0, PAGE_LOOK_CHARACTERS))?.[1]?.trim();
  const named = title === undefined || title === '' ? startOf(text) : title;
  throw payloadError(
    `that is a web page ("${named.replace(/\s+/g, ' ')}") and no answer of ${id}: an outage, a block or a proxy answered in its place`,
  );
}

export function startOf(text: string): string {
  return text.slice(0, 60);
}

export function payloadError(message: string): AppError {
  return new AppError('WICK_ETL_VENUE_PAYLOAD', message);
}
