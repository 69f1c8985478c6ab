/**
 * Named places on the analyzer's way at which a test has it killed. In: `after_insert:3`, and how to
 * die. Out: a function that is told of each pass and dies at the n-th of that one place. With
 * `never` it does nothing. The places are where a crash could lose or double something.
 */
import { AppError } from '#core/errors.ts';

/** In the order in which a step passes them. */
export const CRASH_POINTS = [
  'after_poll',
  'after_compute',
  'after_insert',
  'after_commit',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

const NEVER = 'never';
const SETTING = /^(?<point>[a-z_]+)(?::(?<pass>[1-9]\d{0,5}))?$/;

/**
 * @param setting `point` or `point:n`, n from 1 to 999999; `never`.
 * @param die must not return control to the event loop.
 * @throws AppError WICK_CONFIG_INVALID when it names no point.
 */
export function crashAt(setting: string, die: () => void): (point: CrashPoint) => void {
  if (setting === NEVER) return () => undefined;
  const { point, pass = '1' } = SETTING.exec(setting)?.groups ?? {};
  if (!CRASH_POINTS.some((known) => known === point)) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `CRASH_AT is "${setting}"; write one of ${CRASH_POINTS.join(', ')}, with ":3" for its third pass, or "${NEVER}"`,
    );
  }
  let left = Number(pass);
  return (reached) => {
    if (reached !== point) return;
    left -= 1;
    if (left === 0) die();
  };
}
