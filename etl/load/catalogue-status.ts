/**
 * What the catalogue says of an instrument in one of four words. In: what the venue says in its own.
 * Out: pending, trading, halted or delisted. Pure.
 */
import type { EpochMs } from '#core/time.ts';
import type { Instrument } from '../extract/venue.ts';

export type SymbolStatus = 'pending' | 'trading' | 'halted' | 'delisted';

/** Words that mean the end; one that is on its way there, as SETTLING, still is only halted. */
const ENDED = /^(close|closed|delisted|delivered|settled|expired)$/i;
const NOT_YET = /pending|prelaunch|pre_trading|pre_open/i;

export function statusOf(instrument: Instrument, now: EpochMs): SymbolStatus {
  const { isTrading, venueStatus, onboardTime, delistTime } = instrument;
  if (delistTime !== null && delistTime <= now) return 'delisted';
  if (isTrading) return 'trading';
  if (ENDED.test(venueStatus)) return 'delisted';
  if (NOT_YET.test(venueStatus) || (onboardTime !== null && onboardTime > now)) return 'pending';
  return 'halted';
}
