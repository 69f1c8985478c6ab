/**
 * A table of rates on a web page, as a user declares it in a JSON file. In: the text of such a file.
 * Out: the declaration, checked as a whole: what it selects, which days and numbers it writes, which
 * pairs it has. Unknown keys are refused, so that a misspelt one is not a silent default.
 */
import { load } from 'cheerio';
import { Compile } from 'typebox/compile';
import { AppError, errorText } from '#core/errors.ts';
import { isDayFormat } from '../day-format.ts';
import { formProblems } from './declaration-problems.ts';
import { DECLARATION_SCHEMA, type CellPlace, type Declaration } from './declaration-schema.ts';
import { hasSymbol, isUrlTemplate } from './url-template.ts';

export type { CellPlace, Declaration } from './declaration-schema.ts';

const DECLARATION = Compile(DECLARATION_SCHEMA);

/**
 * @param file where it stands, for messages.
 * @throws AppError WICK_ETL_SOURCE_INVALID that names the file, the field and what is wrong with it.
 */
export function parseDeclaration(content: string, file: string): Declaration {
  const json = parseJson(content, file);
  if (!DECLARATION.Check(json)) throw invalid(file, formProblems(json));
  const problems = [
    ...selectorProblems(json),
    ...patternProblems(json),
    ...addressProblems(json),
    ...otherProblems(json),
  ];
  if (problems.length > 0) throw invalid(file, problems);
  return json;
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
      return [`"${field}" is no selector: "${selector}" (${errorText(error)})`];
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
      return [`"${field}" is no regular expression: "${pattern}" (${errorText(error)})`];
    }
  });
}

/** What a fetch would refuse, told before there is one. */
function addressProblems({ url, allowedHosts, allowHttp }: Declaration): string[] {
  const problems = allowedHosts
    .filter((host) => !/^[^\s/:@?#]+(:\d+)?$/.test(host))
    .map((host) => `"allowedHosts" has "${host}"; write only host or host:port`);
  const example = url.replaceAll(/\{[^{}]*\}/g, '0');
  if (!URL.canParse(example)) return [`"url" is "${url}", which is no URL`, ...problems];
  const { protocol, host } = new URL(example);
  if (protocol === 'http:' && allowHttp !== true) {
    problems.push('"url" begins with "http:"; use https, or say "allowHttp": true');
  } else if (protocol !== 'https:' && protocol !== 'http:') {
    problems.push(`"url" begins with "${protocol}"; use https`);
  }
  const isHostKnown = !(url.split('/')[2] ?? '').includes('{');
  if (isHostKnown && !allowedHosts.some((allowed) => allowed.toLowerCase() === host)) {
    problems.push(`"allowedHosts" lacks "${host}", the host of "url"; add it`);
  }
  return problems;
}

function otherProblems({ date, url, symbol, symbols, quote, numbers }: Declaration): string[] {
  const problems: string[] = [];
  if (symbol === undefined && !hasSymbol(url)) {
    problems.push('"symbol" is absent though "url" has no {symbol}: which row is whose?');
  }
  if (!isUrlTemplate(url))
    problems.push(
      `"url" has a placeholder other than {symbol} and {date:FORMAT}, such as {date:YYYY-MM-DD}: "${url}"`,
    );
  if (date.from === 'url' && !url.includes('{date:')) {
    problems.push('"date" is taken from the url, which has no {date:…}');
  }
  if (date.from !== 'url' && !isDayFormat(date.format)) {
    problems.push(
      `"date.format" does not name year, month and day: "${date.format}"; write for example "DD.MM.YYYY"`,
    );
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
