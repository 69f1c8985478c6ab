/**
 * Times at which a venue is known not to have traded: announced maintenance and outages. In: the bundled
 * list, and a file of the user's own. Out: halts, and for a series the open times of candles that lie
 * wholly in one. A halt fills nothing and hides nothing: it lets one answer without the candles be
 * believed, where two are asked for otherwise, and says why they are not there.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { epochMs, formatInstant, parseInstant, type EpochMs } from '#core/time.ts';
import { widthMax } from './search-window.ts';
import type { TimeRange } from './settle.ts';

export interface KnownHalt extends TimeRange {
  readonly exchange: string;
  /** What it was, in words. */
  readonly note: string;
  /** Where it can be read. */
  readonly source: string;
}

/** Open times of candles that lie wholly in a halt. */
export interface HaltedSlots extends TimeRange {
  /** The halt in words, with its source. */
  readonly detail: string;
}

const PROJECT = join(import.meta.dirname, '..', '..');
/** Beside package.json. */
const BUNDLED = 'etl/gaps/halts.json';
const HALTS_MAX = 10_000;
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const PROBLEMS_MAX = 5;

const closed = { additionalProperties: false } as const;
const FILE = Compile(
  Type.Object(
    {
      halts: Type.Array(
        Type.Object(
          {
            exchange: Type.String({ pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$', maxLength: 40 }),
            from: Type.String(),
            to: Type.String(),
            source: Type.String({ pattern: '^https?://', maxLength: 500 }),
            note: Type.String({ minLength: 1, maxLength: 200 }),
          },
          closed,
        ),
        { maxItems: HALTS_MAX },
      ),
    },
    closed,
  ),
);

/**
 * The bundled halts and those of `file`.
 * @param file absolute, or beside package.json; the bundled one where there is no other.
 * @throws AppError WICK_ETL_HALTS_INVALID that names the file, the entry and what is wrong with it.
 */
export function loadHalts(file: string = BUNDLED): readonly KnownHalt[] {
  const bundled = parseHalts(readFileSync(join(PROJECT, BUNDLED), 'utf8'), BUNDLED);
  if (file === BUNDLED) return bundled;
  const path = isAbsolute(file) ? file : join(PROJECT, file);
  if (!existsSync(path)) throw invalid(file, ['there is no such file; KNOWN_HALTS names it']);
  if (statSync(path).size > FILE_BYTES_MAX) {
    throw invalid(file, [`it is larger than ${FILE_BYTES_MAX} bytes`]);
  }
  return [...bundled, ...parseHalts(readFileSync(path, 'utf8'), file)];
}

/** @param file for messages. @throws AppError WICK_ETL_HALTS_INVALID */
export function parseHalts(text: string, file: string): readonly KnownHalt[] {
  const json = parseJson(text, file);
  if (!FILE.Check(json)) {
    const problems = [...FILE.Errors(json)].map(({ instancePath, message, params }) => {
      const where = instancePath === '' ? 'the file' : instancePath.slice(1).replaceAll('/', '.');
      const keys = Object.values(params).flat().join(', ');
      return `${where} ${message}${keys === '' ? '' : ` (${keys})`}`;
    });
    throw invalid(file, problems.slice(0, PROBLEMS_MAX));
  }
  return json.halts.map(({ exchange, from, to, source, note }, index): KnownHalt => {
    const range = {
      from: timeOf(file, `halts.${index}.from`, from),
      to: timeOf(file, `halts.${index}.to`, to),
    };
    if (range.from >= range.to) {
      throw invalid(file, [`halts.${index}.to is "${to}", which is not after from "${from}"`]);
    }
    return { exchange, ...range, source, note };
  });
}

/** What the halts mean for a series: the open times whose whole candle lies in one, rising. */
export function haltedSlots(halts: readonly KnownHalt[], series: Series): readonly HaltedSlots[] {
  const width = widthMax(series.interval);
  return halts
    .filter(({ exchange, from, to }) => exchange === series.exchange && to - from >= width)
    .map(({ from, to, note, source }) => ({
      from,
      to: epochMs(to - width + 1),
      detail: `halted from ${formatInstant(from)} to ${formatInstant(to)}: ${note} (${source})`,
    }))
    .sort((a, b) => a.from - b.from);
}

function timeOf(file: string, field: string, text: string): EpochMs {
  try {
    return parseInstant(text);
  } catch (error) {
    throw invalid(file, [`${field} is "${text}": ${errorText(error)}`]);
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalid(file, [`it is no JSON: ${errorText(error)}`]);
  }
}

function invalid(file: string, problems: readonly string[]): AppError {
  return new AppError(
    'WICK_ETL_HALTS_INVALID',
    `the known halts in "${file}" cannot be used: ${problems.join('; ')}; write ` +
      '{"halts": [{"exchange": "coinbase", "from": "2025-10-25T14:00:00Z", "to": …, "source": "https://…", "note": …}]}',
    { details: { file, problems } },
  );
}
