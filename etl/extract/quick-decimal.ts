/**
 * A piece of a regular expression that reads a decimal in quotes and captures it canonical: without
 * the zeros at its end. What it does not match is not refused but read the long way.
 */
export const QUOTED_DECIMAL = String.raw`"((?:0|[1-9]\d*)(?:\.\d*[1-9])?)\.?0*"`;

/** Up to this length a captured decimal fits numeric(38,18), however its digits lie. */
const FITTING_LENGTH = 19;

/** True where the captured text may have too many digits: then its page is read the long way. */
export function isLong(captured: string): boolean {
  return captured.length > FITTING_LENGTH;
}
