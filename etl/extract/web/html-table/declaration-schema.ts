/**
 * The form of a declared web source: which keys a file has, and what each may say. In: nothing. Out: the
 * schemas. What they cannot say (selectors, patterns, addresses) is checked in `declaration.ts`. The
 * descriptions are read by users: they stand in the messages about a key that is wrong.
 */
import { Type, type Static } from 'typebox';
import { MARKET_TYPES } from '#core/candle.ts';

const closed = { additionalProperties: false } as const;
const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, description });

const HOW_TO_READ = {
  attribute: Type.Optional(text(60, 'read this attribute instead of the text')),
  pattern: Type.Optional(text(200, 'regular expression; its first group is what is wanted')),
  remove: Type.Optional(Type.Array(text(20, 'a text to leave out, such as "$"'), { maxItems: 10 })),
};
export const CELL_BY_NUMBER = Type.Object(
  {
    cell: Type.Integer({ minimum: 0, maximum: 200, description: 'td or th of the row, from 0' }),
    ...HOW_TO_READ,
  },
  closed,
);
export const CELL_BY_SELECTOR = Type.Object(
  { selector: text(200, 'CSS selector within the row'), ...HOW_TO_READ },
  closed,
);
const CELL = Type.Union([CELL_BY_NUMBER, CELL_BY_SELECTOR]);
const FORMAT = text(40, 'of YYYY, MM or M, DD or D, MMM or MMMM, such as "DD.MM.YYYY"');
const DATE_OF_URL = Type.Object({ from: Type.Literal('url') }, closed);
const DATE_OF_ROW = Type.Object({ from: Type.Literal('row'), cell: CELL, format: FORMAT }, closed);
const DATE_OF_PAGE = Type.Object(
  {
    from: Type.Literal('page'),
    selector: text(200, 'CSS selector within the page'),
    ...HOW_TO_READ,
    format: FORMAT,
  },
  closed,
);
/** By what `from` says. */
export const DATES = { url: DATE_OF_URL, row: DATE_OF_ROW, page: DATE_OF_PAGE } as const;
const DATE = Type.Union([DATE_OF_URL, DATE_OF_ROW, DATE_OF_PAGE]);

/** One file of the folder of declared sources. */
export const DECLARATION_SCHEMA = Type.Object(
  {
    id: Type.String({
      pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$',
      maxLength: 40,
      description: 'lower case with dashes, such as "my-bank"',
    }),
    description: text(500, 'what it is, for people'),
    /** A disabled one is checked and not opened. */
    enabled: Type.Optional(Type.Boolean({ description: 'true or false, without quotes' })),
    marketType: Type.Enum([...MARKET_TYPES], { description: `one of ${MARKET_TYPES.join(', ')}` }),
    interval: Type.Literal('1d', { description: '"1d", nothing else' }),
    calendar: Type.Enum(['weekdays', 'every-day'], { description: '"weekdays" or "every-day"' }),
    url: text(500, 'with {date:FORMAT} and {symbol} where they belong'),
    allowedHosts: Type.Array(text(253, 'host or host:port'), { minItems: 1, maxItems: 10 }),
    allowHttp: Type.Optional(Type.Boolean({ description: 'true or false, without quotes' })),
    minimumIntervalMs: Type.Integer({
      minimum: 1_000,
      maximum: 600_000,
      description: 'milliseconds, 1000 to 600000, without quotes',
    }),
    rows: text(200, 'CSS selector of the rows'),
    /** Absent where the address holds the symbol, so that the whole page is about it. */
    symbol: Type.Optional(CELL),
    rate: CELL,
    nominal: Type.Optional(CELL),
    date: DATE,
    numbers: Type.Object(
      {
        decimal: Type.Enum(['.', ','], { description: '"." or ","' }),
        thousands: Type.Enum(['', '.', ',', ' ', "'"], {
          description: '"" for none, else ".", ",", " " or "\'"',
        }),
      },
      closed,
    ),
    quote: Type.Optional(
      Type.String({ pattern: '^[A-Z0-9]{2,12}$', description: 'upper case, such as "EUR"' }),
    ),
    symbols: Type.Record(
      Type.String(),
      Type.String({ pattern: '^[A-Z0-9.]{1,12}(/[A-Z0-9]{2,12})?$' }),
      {
        minProperties: 1,
        maxProperties: 2_000,
        description: 'what the page says → "USD" or "USD/EUR", upper case',
      },
    ),
  },
  closed,
);
export type Declaration = Static<typeof DECLARATION_SCHEMA>;
export type CellPlace = Static<typeof CELL>;
