/**
 * An indicator that is a function of the last n closes and of nothing else. In: n, and what n closes
 * come to. Out: no value until there are n, that function afterwards. The state is the window, so
 * nothing older counts.
 */
import type { Bar } from '../bar.ts';
import { assertHasBar, type Indicator } from '../indicator.ts';
import type { StateReader } from '../state-reader.ts';
import { RollingWindow } from './rolling-window.ts';

/** Writes what a full window comes to into `target` from index `at`, one number per output. */
export type WriteCloses = (closes: RollingWindow, target: Float64Array, at: number) => void;

/** Every window-only indicator of closes; it keeps n closes and applies the function to them. */
export class CloseWindow implements Indicator {
  readonly #closes: RollingWindow;
  readonly #outputs: number;
  readonly #write: WriteCloses;

  constructor(length: number, outputs: number, write: WriteCloses) {
    this.#closes = new RollingWindow(length);
    this.#outputs = outputs;
    this.#write = write;
  }

  add(bar: Bar): void {
    this.#closes.push(bar.close);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#closes.size);
    this.#closes.replaceNewest(bar.close);
  }

  write(target: Float64Array, at: number): void {
    if (this.#closes.isFull) this.#write(this.#closes, target, at);
    else target.fill(NaN, at, at + this.#outputs);
  }

  save(into: number[]): void {
    this.#closes.save(into);
  }

  restore(from: StateReader): void {
    this.#closes.restore(from);
  }
}
