/**
 * `wick source try FILE --page PAGE`: a declared web source on a saved page. Rates as JSON lines on
 * stdout, refusals as JSON lines on stderr. It asks nobody and wants no configuration.
 */
import { AppError } from '#core/errors.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import { parseDeclaration, parseDay, tryPage } from '../../etl/index.ts';
import type { SourceFlags } from './flags.ts';
import { readBounded } from './read-bounded.ts';

/** Symbols of a page in a message, at most. */
const SHOWN_MAX = 20;

/** @returns 1 where a rate was refused, or there was none. */
export async function trySource(file: string, { page, day }: SourceFlags): Promise<number> {
  const declaration = parseDeclaration((await readBounded(file)).toString('utf8'), file);
  if (declaration.date.from === 'url' && day === undefined) {
    throw new AppError(
      'WICK_USAGE',
      `"${file}" takes the day from the address; say which one "${page}" is of, for example --day 2026-11-20`,
    );
  }
  const bytes = await readBounded(page);
  const { rates, symbols } = reading(file, page, () =>
    tryPage(declaration, bytes, day === undefined ? null : dayOf(day)),
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
    const some = symbols.slice(0, SHOWN_MAX).map((symbol) => `"${symbol}"`);
    const found =
      some.length === 0 ? 'it has none where "symbol" looks' : `it has ${some.join(', ')}`;
    process.stderr.write(
      `"${page}" has a row for none of the symbols that "${file}" maps; ${found}\n`,
    );
  }
  return lines.length > 0 && lines.every(({ isGood }) => isGood) ? 0 : 1;
}

/** What is wrong with a saved page is the declaration's more often than the source's. */
function reading<T>(file: string, page: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AppError) || typeof error.details['what'] !== 'string') throw error;
    throw new AppError(
      'WICK_ETL_SOURCE_INVALID',
      `"${page}" cannot be read by "${file}": ${error.details['what']}; correct the file, or save the page again`,
      { cause: error, details: { file, page } },
    );
  }
}

function dayOf(text: string): EpochMs {
  const day = parseDay(text, 'YYYY-MM-DD');
  if (day !== null) return day;
  throw new AppError('WICK_USAGE', `--day is "${text}"; write for example 2026-11-20`);
}
