/**
 * `wick source try FILE --page PAGE`: a declared web source on a saved page. Rates as JSON lines on
 * stdout, refusals as JSON lines on stderr. It asks nobody and wants no configuration.
 */
import { AppError } from '#core/errors.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import { parseDeclaration, parseDay, tryPage } from '../../etl/index.ts';
import type { SourceFlags } from './flags.ts';
import { readBounded } from './read-bounded.ts';

/** @returns 1 where a rate was refused, or there was none. */
export async function trySource(file: string, { page, day }: SourceFlags): Promise<number> {
  const declaration = parseDeclaration((await readBounded(file)).toString('utf8'), file);
  const rates = tryPage(
    declaration,
    await readBounded(page),
    day === undefined ? null : dayOf(day),
  );
  const lines = rates.map(({ day: told, reason, detail, rate, ...rest }) => ({
    text: JSON.stringify({
      ...rest,
      day: told === null ? null : formatInstant(told).slice(0, 10),
      ...(reason === null ? { rate } : { reason, detail }),
    }),
    isGood: reason === null,
  }));
  for (const { text, isGood } of lines) {
    (isGood ? process.stdout : process.stderr).write(`${text}\n`);
  }
  if (lines.length === 0) {
    process.stderr.write(`"${page}" has a row for none of the symbols that "${file}" maps\n`);
  }
  return lines.length > 0 && lines.every(({ isGood }) => isGood) ? 0 : 1;
}

function dayOf(text: string): EpochMs {
  const day = parseDay(text, 'YYYY-MM-DD');
  if (day !== null) return day;
  throw new AppError('WICK_USAGE', `--day is "${text}"; write for example 2026-11-20`);
}
