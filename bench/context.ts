/** What every bench is given, and what they share so that it is made once. */
import type { Candle } from '#core/candle.ts';
import { BenchStack } from './bench-stack.ts';
import { readRecordedCandles } from './recorded-candles.ts';

export interface BenchContext {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Engines on free ports; started by whoever needs them first. */
  readonly stack: () => Promise<BenchStack>;
  readonly candles: () => Promise<readonly Candle[]>;
  /** Registers what must be undone at the end, however it comes. */
  readonly onClose: (close: () => Promise<void>) => void;
  /** Makes something once under a name and shares it. */
  readonly once: <T>(make: (context: BenchContext) => Promise<T>) => Promise<T>;
}

export function createContext(options: {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): { readonly context: BenchContext; readonly close: () => Promise<void> } {
  const closers: (() => Promise<void>)[] = [];
  const made = new Map<unknown, Promise<unknown>>();
  const once = async <T>(make: (context: BenchContext) => Promise<T>): Promise<T> => {
    const known = made.get(make);
    if (known !== undefined) return known as Promise<T>;
    const making = make(context);
    made.set(make, making);
    return making;
  };
  const context: BenchContext = {
    ...options,
    once,
    stack: () => once(createStack),
    candles: () => once(readCandles),
    onClose: (close) => void closers.push(close),
  };
  return {
    context,
    close: async () => {
      for (const close of closers.reverse()) await close();
    },
  };
}

async function createStack({ say, onClose }: BenchContext): Promise<BenchStack> {
  const stack = await BenchStack.create(say);
  onClose(() => stack.stop());
  return stack;
}

async function readCandles(): Promise<readonly Candle[]> {
  return readRecordedCandles();
}
