/**
 * Every indicator by name: the one list that feature sets, commands and documents draw on. A new
 * indicator is a file beside the others, an entry here and its contract test.
 */
import type { IndicatorSpec } from './indicator.ts';
import { adx } from './indicators/adx.ts';
import { atr } from './indicators/atr.ts';
import { bollinger } from './indicators/bollinger.ts';
import { ema } from './indicators/ema.ts';
import { logReturn } from './indicators/log-return.ts';
import { macd } from './indicators/macd.ts';
import { obvSession } from './indicators/obv-session.ts';
import { realisedVolatility } from './indicators/realised-volatility.ts';
import { rsi } from './indicators/rsi.ts';
import { simpleReturn } from './indicators/simple-return.ts';
import { sma } from './indicators/sma.ts';
import { vwapSession } from './indicators/vwap-session.ts';

/** In alphabetical order of names. */
export const INDICATORS: readonly IndicatorSpec[] = [
  adx,
  atr,
  bollinger,
  ema,
  logReturn,
  macd,
  obvSession,
  realisedVolatility,
  rsi,
  simpleReturn,
  sma,
  vwapSession,
];

const BY_NAME = new Map(INDICATORS.map((spec) => [spec.name, spec]));

/** @throws RangeError that names the text and lists what is known. */
export function indicatorSpec(name: string): IndicatorSpec {
  const spec = BY_NAME.get(name);
  if (spec !== undefined) return spec;
  throw new RangeError(
    `"${name}" is not an indicator; known are ${[...BY_NAME.keys()].join(', ')}`,
  );
}
