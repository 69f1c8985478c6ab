/**
 * The clocks of venues, asked now and then instead of once for each series: the question costs weight.
 * In: a venue. Out: its time, at most a minute old; for looking back that only makes the look shorter.
 */
import type { Clock, EpochMs } from '#core/time.ts';
import type { Venues } from './venues.ts';

const GOOD_MS = 60_000;

export class VenueClocks {
  readonly #venues: Pick<Venues, 'open'>;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly now: EpochMs; readonly askedAt: EpochMs }>();

  constructor(venues: Pick<Venues, 'open'>, clock: Clock) {
    this.#venues = venues;
    this.#clock = clock;
  }

  /** @throws AppError of the venue. */
  async now(exchange: string, signal: AbortSignal): Promise<EpochMs> {
    const known = this.#known.get(exchange);
    const askedAt = this.#clock.now();
    if (known !== undefined && askedAt - known.askedAt < GOOD_MS) return known.now;
    this.#known.delete(exchange);
    const now = await this.#venues.open(exchange).fetchServerTime(signal);
    this.#known.set(exchange, { now, askedAt });
    return now;
  }

  /** Whether the venue told its time when it was last asked. */
  isKnown(exchange: string): boolean {
    return this.#known.has(exchange);
  }
}
