/**
 * Allowances per window, as venues count them. Each request costs weight; the sum counts per window
 * of the wall clock (Binance: the UTC clock minute). Beyond the limit a request is refused; with a
 * ban, whoever goes on asking is refused for longer.
 */
import type { Clock } from '#core/time.ts';

export interface WeightOptions {
  /** Weight allowed in one window. */
  readonly limit: number;
  /** The wall clock that limits run on; not the replay clock. */
  readonly clock: Clock;
  /** Refusals in one window that are answered with 429; the next one bans. Infinity for no ban. */
  readonly refusalsMax?: number | undefined;
  /** Length of a window, ms; a minute by default. */
  readonly windowMs?: number | undefined;
}

export type Charge =
  | { readonly verdict: 'ok'; readonly used: number }
  | {
      readonly verdict: 'limited' | 'banned';
      readonly used: number;
      readonly retryAfterSeconds: number;
      /** When the refusal ends, epoch ms. */
      readonly until: number;
    };

const MINUTE_MS = 60_000;
const BAN_MS = 2 * MINUTE_MS;
const REFUSALS_MAX = 10;

/** Returns the function that every request's weight is charged to. */
export function createWeightMeter(options: WeightOptions): (weight: number) => Charge {
  const refusalsMax = options.refusalsMax ?? REFUSALS_MAX;
  const windowMs = options.windowMs ?? MINUTE_MS;
  let window = 0;
  let used = 0;
  let refusals = 0;
  let bannedUntil = 0;
  const refuse = (verdict: 'limited' | 'banned', now: number, until: number): Charge => ({
    verdict,
    used,
    until,
    retryAfterSeconds: Math.max(1, Math.ceil((until - now) / 1000)),
  });
  return (weight) => {
    const now = options.clock.now();
    if (now < bannedUntil) return refuse('banned', now, bannedUntil);
    const current = Math.floor(now / windowMs);
    if (current !== window) {
      window = current;
      used = 0;
      refusals = 0;
    }
    used += weight;
    if (used <= options.limit) return { verdict: 'ok', used };
    refusals += 1;
    if (refusals <= refusalsMax) return refuse('limited', now, (window + 1) * windowMs);
    bannedUntil = now + BAN_MS;
    return refuse('banned', now, bannedUntil);
  };
}
