/**
 * Volume-weighted average price of the UTC day. In: high, low, close, volume. Out: the average
 * typical price since 00:00 UTC, each bar weighted by its base volume. It starts anew every UTC day,
 * so a revision or a backfill reaches no further than its own day.
 */
import type { Bar } from '../bar.ts';
import { assertHasBar, output, type Indicator, type IndicatorSpec } from '../indicator.ts';
import { BeforeAndNow } from '../kernels/before-and-now.ts';
import { NO_SESSION, SESSION_MAX, sessionOf, typicalPrice } from '../kernels/session.ts';
import type { StateReader } from '../state-reader.ts';

/**
 * Session VWAP: the price that an average unit traded at today; above it, buyers of today gain.
 *
 * Formula: `sum(typical * volume) / sum(volume)` over the UTC day, typical = (high + low + close) / 3,
 * kept as a running weighted mean: `vwap += (typical - vwap) * volume / sum(volume)`, which stays
 * exact on a flat price. Input: high, low, close, volume. Unit: price; range: above zero.
 * Seed: the day's first bar with volume. Warm-up: 1 bar; the first day of a series covers only the
 * bars since its anchor. Memory: the bars of one UTC day.
 * Null: until the day has volume; and from a bar with unknown (null) volume to the end of its UTC
 * day, because the weights are no longer known. The next day starts clean.
 * Intervals of a day and longer: each bar is its own session, so this is its typical price.
 * @see TA-Lib `TA_VWAP` does not exist; oracle: numpy `cumsum(tp * v) / cumsum(v)` per UTC day.
 */
export const vwapSession: IndicatorSpec = {
  name: 'vwap_session',
  revision: 1,
  summary: 'Volume-weighted average price since 00:00 UTC',
  memory: 'session',
  parameters: [],
  outputs: [output('vwap', 'price', 0)],
  warmUp: () => [1],
  create: () => new VwapSession(),
};

class VwapSession implements Indicator {
  readonly #session = new BeforeAndNow(noSession, { day: SESSION_MAX, isBroken: 1 });

  add(bar: Bar): void {
    this.#session.advance();
    this.#apply(bar);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#session.now.day);
    this.#apply(bar);
  }

  write(target: Float64Array, at: number): void {
    const { volume, mean, isBroken } = this.#session.now;
    target[at] = isBroken === 0 && volume > 0 ? mean : NaN;
  }

  save(into: number[]): void {
    this.#session.save(into);
  }

  restore(from: StateReader): void {
    this.#session.restore(from);
  }

  #apply(bar: Bar): void {
    const { before, now } = this.#session;
    now.day = sessionOf(bar);
    const continues = now.day === before.day;
    now.volume = continues ? before.volume : 0;
    now.mean = continues ? before.mean : 0;
    now.isBroken = continues ? before.isBroken : 0;
    if (bar.volume === null) {
      now.isBroken = 1;
    } else if (bar.volume > 0) {
      now.volume += bar.volume;
      now.mean += (typicalPrice(bar) - now.mean) * (bar.volume / now.volume);
    }
  }
}

/** `isBroken` is 1 once a volume of the session was unknown. */
function noSession() {
  return { day: NO_SESSION, volume: 0, mean: 0, isBroken: 0 };
}
