/**
 * A table of rates on a web page, as a user declares it in a JSON file. In: the text of such a file.
 * Out: the declaration, checked as a whole: what it selects, which days and numbers it writes, which
 * pairs it has. Unknown keys are refused, so that a misspelt one is not a silent default.
 */
import { load } from 'cheerio';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { MARKET_TYPES } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { isDayFormat } from '../day-format.ts';
import { hasSymbol, isUrlTemplate } from './url-template.ts';

const closed = { additionalProperties: false } as const;
const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, description });

const HOW_TO_READ = {
  attribute: Type.Optional(text(60, 'read this attribute instead of the text')),
  pattern: Type.Optional(text(200, 'regular expression; its first group is what is wanted')),
  remove: Type.Optional(Type.Array(text(20, 'a text to leave out, such as "$"'), { maxItems: 10 })),
};
const CELL = Type.Union([
  Type.Object(
    {
      cell: Type.Integer({ minimum: 0, maximum: 200, description: 'td or th of the row, from 0' }),
      ...HOW_TO_READ,
    },
    closed,
  ),
  Type.Object({ selector: text(200, 'CSS selector within the row'), ...HOW_TO_READ }, closed),
]);
const FORMAT = text(40, 'for example DD.MM.YYYY; see day-format.ts');
const DATE = Type.Union([
  Type.Object({ from: Type.Literal('url') }, closed),
  Type.Object({ from: Type.Literal('row'), cell: CELL, format: FORMAT }, closed),
  Type.Object(
    {
      from: Type.Literal('page'),
      selector: text(200, 'CSS selector within the page'),
      ...HOW_TO_READ,
      format: FORMAT,
    },
    closed,
  ),
]);

/** One file of the folder of declared sources. */
const DECLARATION_SCHEMA = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$', maxLength: 40 }),
    description: text(500, 'what it is, for people'),
    /** A disabled one is checked and not opened. */
    enabled: Type.Optional(Type.Boolean()),
    marketType: Type.Enum([...MARKET_TYPES]),
    interval: Type.Literal('1d'),
    calendar: Type.Union([Type.Literal('weekdays'), Type.Literal('every-day')]),
    url: text(500, 'with {date:FORMAT} and {symbol} where they belong'),
    allowedHosts: Type.Array(text(253, 'host or host:port'), { minItems: 1, maxItems: 10 }),
    allowHttp: Type.Optional(Type.Boolean()),
    minimumIntervalMs: Type.Integer({ minimum: 1_000, maximum: 600_000 }),
    rows: text(200, 'CSS selector of the rows'),
    /** Absent where the address holds the symbol, so that the whole page is about it. */
    symbol: Type.Optional(CELL),
    rate: CELL,
    nominal: Type.Optional(CELL),
    date: DATE,
    numbers: Type.Object(
      {
        decimal: Type.Union([Type.Literal('.'), Type.Literal(',')]),
        thousands: Type.Enum(['', '.', ',', ' ', "'"]),
      },
      closed,
    ),
    quote: Type.Optional(Type.String({ pattern: '^[A-Z0-9]{2,12}$' })),
    symbols: Type.Record(
      Type.String(),
      Type.String({ pattern: '^[A-Z0-9.]{1,12}(/[A-Z0-9]{2,12})?$' }),
      { minProperties: 1, maxProperties: 2_000 },
    ),
  },
  closed,
);
const DECLARATION = Compile(DECLARATION_SCHEMA);
export type Declaration = Static<typeof DECLARATION_SCHEMA>;
export type CellPlace = Static<typeof CELL>;

/**
 * @param file where it stands, for messages.
 * @throws AppError WICK_ETL_SOURCE_INVALID that names the file, the field and what is wrong with it.
 */
export function parseDeclaration(content: string, file: string): Declaration {
  const json = parseJson(content, file);
  if (!DECLARATION.Check(json)) throw invalid(file, problemsOf(json));
  const problems = [...selectorProblems(json), ...patternProblems(json), ...otherProblems(json)];
  if (problems.length > 0) throw invalid(file, problems);
  return json;
}

/** Of a failed union every branch complains; the deepest complaints name the field. */
const PROBLEMS_MAX = 5;

function problemsOf(json: unknown): string[] {
  const problems = [...DECLARATION.Errors(json)].map(({ instancePath, message, params }) => {
    const field = instancePath.slice(1).replaceAll('/', '.');
    const extra = 'additionalProperties' in params ? params.additionalProperties : null;
    const missing = 'requiredProperties' in params ? params.requiredProperties : null;
    const where = field === '' ? 'the file' : `"${field}"`;
    if (Array.isArray(extra)) return `${where} has the unknown key "${extra.join('", "')}"`;
    if (Array.isArray(missing)) return `${where} lacks "${missing.join('", "')}"`;
    return `${where} ${message}`;
  });
  return [...new Set(problems)].slice(0, PROBLEMS_MAX);
}

function selectorProblems(declaration: Declaration): string[] {
  const page = load('<table><tr><td>0</td></tr></table>');
  const places: [field: string, selector: string][] = [['rows', declaration.rows]];
  for (const [field, place] of cellsOf(declaration)) {
    if ('selector' in place) places.push([`${field}.selector`, place.selector]);
  }
  const { date } = declaration;
  if (date.from === 'page') places.push(['date.selector', date.selector]);
  return places.flatMap(([field, selector]) => {
    try {
      page('tr').find(selector);
      return [];
    } catch (error) {
      return [`"${field}" is no selector: ${errorText(error)}`];
    }
  });
}

function patternProblems(declaration: Declaration): string[] {
  const { date } = declaration;
  const places: [field: string, pattern: string | undefined][] = cellsOf(declaration).map(
    ([field, place]) => [`${field}.pattern`, place.pattern],
  );
  if (date.from === 'page') places.push(['date.pattern', date.pattern]);
  return places.flatMap(([field, pattern]) => {
    if (pattern === undefined) return [];
    try {
      // With an empty alternative it always matches, and then tells how many groups there are.
      const groups = (new RegExp(`${pattern}|`).exec('')?.length ?? 1) - 1;
      return groups >= 1 ? [] : [`"${field}" has no group, so it finds nothing: "${pattern}"`];
    } catch (error) {
      return [`"${field}" is no regular expression: ${errorText(error)}`];
    }
  });
}

function otherProblems({ date, url, symbol, symbols, quote, numbers }: Declaration): string[] {
  const problems: string[] = [];
  if (symbol === undefined && !hasSymbol(url)) {
    problems.push('"symbol" is absent though "url" has no {symbol}: which row is whose?');
  }
  if (!isUrlTemplate(url))
    problems.push('"url" has a placeholder other than {date:…} and {symbol}');
  if (date.from === 'url' && !url.includes('{date:')) {
    problems.push('"date" is taken from the url, which has no {date:…}');
  }
  if (date.from !== 'url' && !isDayFormat(date.format)) {
    problems.push(`"date.format" does not name year, month and day: "${date.format}"`);
  }
  if (numbers.decimal === numbers.thousands) {
    problems.push('"numbers" has one mark for decimals and thousands');
  }
  const pairs = Object.values(symbols).map((pair) =>
    pair.includes('/') ? pair : `${pair}/${quote ?? ''}`,
  );
  const unquoted = pairs.find((pair) => pair.endsWith('/'));
  if (unquoted !== undefined)
    problems.push(
      `"symbols" says "${unquoted.slice(0, -1)}" without what it is priced in; write "quote"`,
    );
  if (new Set(pairs).size !== pairs.length) problems.push('"symbols" names a pair twice');
  return problems;
}

function cellsOf(declaration: Declaration): [field: string, place: CellPlace][] {
  const { symbol, rate, nominal, date } = declaration;
  const cells: [string, CellPlace][] = [['rate', rate]];
  if (symbol !== undefined) cells.push(['symbol', symbol]);
  if (nominal !== undefined) cells.push(['nominal', nominal]);
  if (date.from === 'row') cells.push(['date.cell', date.cell]);
  return cells;
}

function parseJson(content: string, file: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    throw invalid(file, [`it is no JSON: ${errorText(error)}`]);
  }
}

function invalid(file: string, problems: readonly string[]): AppError {
  return new AppError(
    'WICK_ETL_SOURCE_INVALID',
    `the web source "${file}" cannot be used: ${problems.join('; ')}`,
    { details: { file, problems } },
  );
}
