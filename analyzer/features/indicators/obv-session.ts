/**
 * On-balance volume of the UTC day. In: close, volume. Out: volume of rising bars minus volume of
 * falling bars since 00:00 UTC. A sum without end would depend on where history begins and never
 * agree between two of us; restarted every UTC day it does.
 */
import type { Bar } from '../bar.ts';
import { assertHasBar, output, type Indicator, type IndicatorSpec } from '../indicator.ts';
import { BeforeAndNow } from '../kernels/before-and-now.ts';
import { NO_SESSION, SESSION_MAX, sessionOf } from '../kernels/session.ts';
import type { StateReader } from '../state-reader.ts';

/**
 * Session OBV: whether today's volume came with rising or falling closes.
 *
 * Formula: `obv += volume` where the close is above the close before in the same UTC day, `-= volume`
 * where it is below, unchanged where equal. Input: close, volume. Unit: base volume, either sign.
 * Seed: the day's first bar counts its whole volume as rising, as TA-Lib seeds its first bar.
 * Warm-up: 1 bar; the first day of a series covers only the bars since its anchor. Memory: the bars
 * of one UTC day.
 * Null: from a bar with unknown (null) volume to the end of its UTC day; the next day starts clean.
 * Intervals of a day and longer: each bar is its own session, so this is its volume.
 * @see TA-Lib `TA_OBV` (src/ta_func/ta_OBV.c), run on each UTC day by itself.
 */
export const obvSession: IndicatorSpec = {
  name: 'obv_session',
  revision: 1,
  summary: 'On-balance volume since 00:00 UTC',
  memory: 'session',
  parameters: [],
  outputs: [output('obv', 'volume')],
  warmUp: () => [1],
  create: () => new ObvSession(),
};

class ObvSession implements Indicator {
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
    const { day, balance, isBroken } = this.#session.now;
    target[at] = day !== NO_SESSION && isBroken === 0 ? balance : NaN;
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
    now.close = bar.close;
    const continues = now.day === before.day;
    now.isBroken = bar.volume === null || (continues && before.isBroken === 1) ? 1 : 0;
    const volume = bar.volume ?? 0;
    if (!continues) {
      now.balance = volume;
    } else if (bar.close > before.close) {
      now.balance = before.balance + volume;
    } else if (bar.close < before.close) {
      now.balance = before.balance - volume;
    } else {
      now.balance = before.balance;
    }
  }
}

/** `isBroken` is 1 once a volume of the session was unknown. */
function noSession() {
  return { day: NO_SESSION, close: 0, balance: 0, isBroken: 0 };
}
