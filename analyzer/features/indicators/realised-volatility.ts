/**
 * Realised volatility. In: closes. Out: the standard deviation of the last n log returns, per bar,
 * not annualised. Window only. The logarithm is the engine's own: equal bits are promised within one
 * Node version.
 */
import type { Bar } from '../bar.ts';
import { output, periodParameter, type Indicator, type IndicatorSpec } from '../indicator.ts';
import { ClosePair } from '../kernels/close-pair.ts';
import { RollingWindow } from '../kernels/rolling-window.ts';
import type { StateReader } from '../state-reader.ts';

/**
 * Realised volatility: how much the price scatters from bar to bar.
 *
 * Formula: sample standard deviation (divided by n - 1) of `ln(close / close')` over the last n
 * returns, per bar of the series' interval; to annualise, multiply by the root of bars per year.
 * Input: close. Unit: ratio; range: 0 and up.
 * Seed: none. Warm-up: n + 1 bars. Memory: the last n + 1 bars decide every bit.
 * Null: before warm-up only.
 * ECMAScript leaves the last bit of `Math.log` to the engine; Node is pinned, so live and replay
 * agree, while another Node version may differ in the last bits.
 * @see numpy `std(ddof=1)` of log returns; TA-Lib `TA_STDDEV` is the same times sqrt((n - 1) / n).
 */
export const realisedVolatility: IndicatorSpec = {
  name: 'realised_volatility',
  revision: 1,
  summary: 'Standard deviation of log returns, per bar',
  memory: 'window',
  parameters: [periodParameter(20)],
  outputs: [output('volatility', 'ratio', 0)],
  warmUp: (period: number) => [period + 1],
  create: (period: number) => new RealisedVolatility(period),
};

class RealisedVolatility implements Indicator {
  readonly #closes = new ClosePair();
  readonly #returns: RollingWindow;

  constructor(period: number) {
    this.#returns = new RollingWindow(period);
  }

  add(bar: Bar): void {
    this.#closes.add(bar.close);
    if (!this.#closes.isReady) return;
    this.#returns.push(Math.log(this.#closes.current / this.#closes.previous));
  }

  replace(bar: Bar): void {
    this.#closes.replace(bar.close);
    if (!this.#closes.isReady) return;
    this.#returns.replaceNewest(Math.log(this.#closes.current / this.#closes.previous));
  }

  write(target: Float64Array, at: number): void {
    const returns = this.#returns;
    target[at] = returns.isFull
      ? Math.sqrt(returns.squaresAround(returns.mean()) / (returns.size - 1))
      : NaN;
  }

  save(into: number[]): void {
    this.#closes.save(into);
    this.#returns.save(into);
  }

  restore(from: StateReader): void {
    this.#closes.restore(from);
    this.#returns.restore(from);
  }
}
