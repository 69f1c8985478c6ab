/**
 * Addresses with places for a day and a symbol: `https://host/rates?date={date:YYYY-MM-DD}&s={symbol}`.
 * In: a template. Out: an address. What is put in is encoded, so it cannot change host or path.
 */
import type { EpochMs } from '#core/time.ts';
import { formatDay, isDayFormat } from '../day-format.ts';

const PLACE = /\{([^{}]*)\}/g;

/** True where every place is `{symbol}` or `{date:FORMAT}`. */
export function isUrlTemplate(template: string): boolean {
  const places = [...template.matchAll(PLACE)].map(([, place = '']) => place);
  return places.every(
    (place) => place === 'symbol' || (place.startsWith('date:') && isDayFormat(place.slice(5))),
  );
}

export function hasDay(template: string): boolean {
  return template.includes('{date:');
}

export function hasSymbol(template: string): boolean {
  return template.includes('{symbol}');
}

/** @param day null only where the template has no day. */
export function fillUrl(template: string, day: EpochMs | null, symbol: string): string {
  return template.replace(PLACE, (_whole, place: string) => {
    if (place === 'symbol') return encodeURIComponent(symbol);
    if (day === null) throw new Error(`"${template}" wants a day`);
    return formatDay(day, place.slice('date:'.length));
  });
}
