/**
 * On-balance volume of the UTC day. In: close, volume. Out: volume of rising bars minus volume of
 * falling bars since 00:00 UTC. A sum without end would depend on where history begins and never
 * agree between two of us; restarted every UTC day it does.
 */
import type { Bar } from '../bar.ts';
import { assertHasBar, output, type Indicator, type IndicatorSpec } from '../indicator.ts';
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

/** `isBroken` is 1 once a volume of the session was unknown. */
interface Session {
  day: number;
  close: number;
  balance: number;
  isBroken: number;
}

class ObvSession implements Indicator {
  /** Before and after the newest bar; they swap roles on every new bar. */
  #before: Session = { day: NO_SESSION, close: 0, balance: 0, isBroken: 0 };
  #now: Session = { day: NO_SESSION, close: 0, balance: 0, isBroken: 0 };

  add(bar: Bar): void {
    const spare = this.#before;
    this.#before = this.#now;
    this.#now = spare;
    this.#apply(bar);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#now.day);
    this.#apply(bar);
  }

  write(target: Float64Array, at: number): void {
    target[at] = this.#now.isBroken === 0 ? this.#now.balance : NaN;
    if (this.#now.day === NO_SESSION) target[at] = NaN;
  }

  save(into: number[]): void {
    for (const { day, close, balance, isBroken } of [this.#before, this.#now]) {
      into.push(day, close, balance, isBroken);
    }
  }

  restore(from: StateReader): void {
    for (const session of [this.#before, this.#now]) {
      session.day = from.takeCount(SESSION_MAX);
      session.close = from.take();
      session.balance = from.take();
      session.isBroken = from.takeCount(1);
    }
  }

  #apply(bar: Bar): void {
    const before = this.#before;
    const now = this.#now;
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
