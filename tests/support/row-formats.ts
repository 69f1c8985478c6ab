/**
 * How each venue writes a candle, and what can be wrong with one. In: numerals. Out: JSON tokens, and
 * ways to spoil them with the reason that each must be refused for. SYNTHETIC; the shapes are those that
 * the venues document.
 */
import { pick, type Dice } from './dice.ts';
import {
  MINUTE_MS,
  type Cells,
  type Damage,
  type Numerals,
  type RowFormat,
} from './malformed-rows.ts';

const PRICES = ['open', 'high', 'low', 'close'] as const;

/** Texts that look like numbers to somebody, and are none. */
const NOT_NUMBERS = (
  'NaN Infinity -Infinity nan null undefined 1,5 1_000 0x10 1e 1e99999 . - + -- 1.2.3 1.5. ١٢ １２ ½ ' +
  '1e5.5 true $5 5% 1/2 #N/A \\u0000 1\\u0000 \\ud800 \\u200b1 __proto__ [object\\u0020Object]'
).split(' ');
const BLANKS = ['', ' ', ' 1', '1 ', '\\n1', '\\t'];

function digits(count: number, dice: Dice): string {
  return Array.from({ length: count }, () => String(1 + dice.roll(9))).join('');
}

function but(cells: Cells, field: string, token: string): Cells {
  return new Map(cells).set(field, token);
}

/** A price or a volume. */
function numberField(cells: Cells, dice: Dice): string {
  const amounts = ['volume', 'quote', 'takerBase', 'takerQuote'];
  return pick(dice, [...PRICES, ...amounts.filter((field) => cells.has(field))]);
}

const notANumber: Damage = (cells, _slot, dice) => {
  const text = pick(dice, dice.roll(4) === 0 ? BLANKS : NOT_NUMBERS);
  return { reason: 'not_a_number', row: but(cells, numberField(cells, dice), `"${text}"`) };
};

const tooManyDigits: Damage = (cells, _slot, dice) => {
  const text = pick(dice, [
    digits(21 + dice.roll(300), dice),
    `0.${digits(19 + dice.roll(300), dice)}`,
    `${1 + dice.roll(9)}e${20 + dice.roll(9_000)}`,
    `${1 + dice.roll(9)}e-${19 + dice.roll(9_000)}`,
  ]);
  return { reason: 'too_many_digits', row: but(cells, numberField(cells, dice), `"${text}"`) };
};

const wrongType: Damage = (cells, _slot, dice) => {
  const token = pick(dice, ['true', 'false', '{}', '[]', '{"x":1}', '["1"]']);
  return { reason: 'malformed_row', row: but(cells, numberField(cells, dice), token) };
};

const nullPrice: Damage = (cells, _slot, dice) => ({
  reason: 'malformed_row',
  row: but(cells, pick(dice, PRICES), 'null'),
});

/** The two ends of the range in each other's place, or an open or close beyond them. */
const wrongOrder: Damage = (cells, _slot, dice) => {
  const [taken, given] = pick(dice, [
    ['high', 'low'],
    ['low', 'high'],
    ['open', 'beyond'],
    ['close', 'beyond'],
    ['high', 'negative'],
    ['open', 'zero'],
    ['close', 'negative'],
  ] as const);
  const tokens = { beyond: '"900.5"', negative: '"-1.5"', zero: '"0.000"' };
  const token = given === 'high' || given === 'low' ? (cells.get(given) ?? '') : tokens[given];
  return { reason: 'ohlc_order', row: but(cells, taken, token) };
};

const noPrice: Damage = (cells, _slot, dice) => {
  const text = pick(dice, ['0', '-0', '0.00', '0e5', `-${digits(3, dice)}`, '-1e-18']);
  return { reason: 'non_positive_price', row: but(cells, 'low', `"${text}"`) };
};

const negativeVolume: Damage = (cells, _slot, dice) => {
  const amounts = ['volume', 'quote', 'takerBase', 'takerQuote'].filter((key) => cells.has(key));
  const text = pick(dice, [`-${digits(4, dice)}`, `-0.${digits(18, dice)}`, '-1e-18']);
  return { reason: 'negative_volume', row: but(cells, pick(dice, amounts), `"${text}"`) };
};

/** Whole answers in the place of a row. */
const wrongShape: Damage = (_cells, { serial }, dice) => ({
  reason: 'malformed_row',
  row: pick(dice, [
    `"row ${serial}"`,
    `{"error":"row ${serial}"}`,
    `{"__proto__":{"t":"${serial} "}}`,
    `["x${serial}"]`,
    `[["x${serial}"],[]]`,
    `"${'x'.repeat(dice.roll(2_000))} ${serial}"`,
  ]),
});

/** The same row at another time: the grid's width is kept where the venue says it. */
function moved(numerals: Numerals, openTime: number, format: Pick<RowFormat, 'cells'>): Cells {
  return format.cells({ ...numerals, openTime });
}

const ANY: readonly Damage[] = [
  notANumber,
  notANumber,
  tooManyDigits,
  wrongType,
  nullPrice,
  wrongOrder,
  wrongOrder,
  noPrice,
  negativeVolume,
  wrongShape,
];

/** Damages that need the venue's own way to say a time. */
function timesOf(format: Pick<RowFormat, 'cells'>): readonly Damage[] {
  const future: Damage = (_cells, { numerals, now, serial }) => ({
    reason: 'future',
    row: moved(numerals, now + serial * MINUTE_MS, format),
  });
  const late: Damage = (_cells, { numerals, to, serial }) => ({
    reason: 'not_asked_for',
    row: moved(numerals, to + serial * MINUTE_MS, format),
  });
  const offGrid: Damage = (_cells, { numerals }, dice) => ({
    reason: 'off_grid',
    row: moved(numerals, numerals.openTime + 1_000 * (1 + dice.roll(59)), format),
  });
  return [future, late, offGrid];
}

/** Of rows that say in ms when they open and close, and how many trades they hold. */
function millisecondsOf(format: Pick<RowFormat, 'cells'>): readonly Damage[] {
  const wrongUnit: Damage = (_cells, { numerals }, dice) => {
    const { openTime } = numerals;
    const times = [
      openTime / 1000,
      openTime * 1000,
      -openTime,
      openTime - 1.5e12,
      0,
      4_102_444_800_000,
    ];
    return { reason: 'time_out_of_range', row: moved(numerals, pick(dice, times), format) };
  };
  const wrongTime: Damage = (cells, { numerals }, dice) => {
    const { openTime } = numerals;
    const tokens = [
      `"${openTime}"`,
      `${openTime}.5`,
      'null',
      '1e400',
      '[]',
      '"2026-09-25T14:00:00Z"',
    ];
    return {
      reason: 'malformed_row',
      row: but(cells, pick(dice, ['time', 'end']), pick(dice, tokens)),
    };
  };
  const wrongWidth: Damage = (cells, { numerals }, dice) => {
    const { openTime } = numerals;
    const ends = [
      openTime + MINUTE_MS,
      openTime,
      openTime + 299_999,
      0,
      -1,
      openTime - dice.roll(9_999),
    ];
    return { reason: 'wrong_width', row: but(cells, 'end', String(pick(dice, ends))) };
  };
  const wrongTrades: Damage = (cells, _slot, dice) => {
    const tokens = ['1.5', '"7"', 'true', '1e400', '9007199254740993', '{}', '1e-7'];
    return { reason: 'malformed_row', row: but(cells, 'trades', pick(dice, tokens)) };
  };
  const negativeTrades: Damage = (cells, _slot, dice) => ({
    reason: 'negative_volume',
    row: but(cells, 'trades', `-${digits(3, dice)}`),
  });
  const bareNumber: Damage = (cells, _slot, dice) => ({
    reason: 'malformed_row',
    row: but(cells, numberField(cells, dice), pick(dice, ['1.5', '0', '-1', '1e400', '100'])),
  });
  return [wrongUnit, wrongTime, wrongWidth, wrongTrades, negativeTrades, bareNumber];
}

/** A row that ends too early; its time alone would not tell it from others of no time. */
function cutAt(lengthMax: number): Damage {
  return (cells, _slot, dice) => ({
    reason: 'malformed_row',
    row: new Map([...cells].slice(0, 1 + dice.roll(lengthMax))),
  });
}

function quoted(text: string): string {
  return `"${text}"`;
}

const klineCells = (row: Numerals): Cells =>
  new Map([
    ['time', String(row.openTime)],
    ...PRICES.map((field) => [field, quoted(row[field])] as const),
    ['volume', quoted(row.volume)],
    ['end', String(row.openTime + MINUTE_MS - 1)],
    ['quote', quoted(row.quote)],
    ['trades', String(row.trades)],
    ['takerBase', quoted(row.takerBase)],
    ['takerQuote', quoted(row.takerQuote)],
    ['ignored', '"0"'],
  ]);

const BINANCE: RowFormat = {
  names: null,
  hasBareNumbers: false,
  isNewestFirst: false,
  bareDamages: null,
  cells: klineCells,
  damages: [
    ...ANY,
    ...timesOf({ cells: klineCells }),
    ...millisecondsOf({ cells: klineCells }),
    cutAt(10),
    // What the venue would never send is refused, not skipped.
    (_cells, { numerals, serial }) => ({
      reason: 'not_asked_for',
      row: klineCells({ ...numerals, openTime: EARLY + serial * MINUTE_MS }),
    }),
  ],
};
/** Before any range that is asked for, on the grid. */
const EARLY = Date.UTC(2001, 0, 1);

const snapshotCells = (row: Numerals): Cells =>
  new Map([
    ['time', String(row.openTime)],
    ['end', String(row.openTime + MINUTE_MS - 1)],
    ['coin', '"BTC"'],
    ['interval', '"1m"'],
    ['open', quoted(row.open)],
    ['close', quoted(row.close)],
    ['high', quoted(row.high)],
    ['low', quoted(row.low)],
    ['volume', quoted(row.volume)],
    ['trades', String(row.trades)],
  ]);

const HYPERLIQUID: RowFormat = {
  names: {
    time: 't',
    end: 'T',
    coin: 's',
    interval: 'i',
    open: 'o',
    close: 'c',
    high: 'h',
    low: 'l',
    volume: 'v',
    trades: 'n',
  },
  hasBareNumbers: false,
  isNewestFirst: false,
  bareDamages: null,
  cells: snapshotCells,
  damages: [
    ...ANY,
    ...timesOf({ cells: snapshotCells }),
    ...millisecondsOf({ cells: snapshotCells }),
    (cells, _slot, dice) => {
      const lost = pick(dice, [...cells.keys()]);
      return {
        reason: 'malformed_row',
        row: new Map([...cells].filter(([field]) => field !== lost)),
      };
    },
    (cells, _slot, dice) => {
      const [field, token] = pick(dice, [
        ['coin', '"ETH"'],
        ['coin', '"BTC/USDC"'],
        ['coin', '""'],
        ['interval', '"5m"'],
        ['interval', '"1M"'],
      ] as const);
      return { reason: 'not_asked_for', row: but(cells, field, token) };
    },
    (cells) => {
      const without = new Map([...cells].filter(([field]) => field !== 'open'));
      return { reason: 'malformed_row', row: without.set('__proto__', '{"o":"100.5"}') };
    },
  ],
};

const bareCells = ({ openTime, low, high, open, close, volume }: Numerals): Cells =>
  new Map([
    ['time', String(openTime / 1000)],
    ['low', low],
    ['high', high],
    ['open', open],
    ['close', close],
    ['volume', volume],
  ]);

const noEpochSecond: Damage = (cells, { numerals }, dice) => {
  const { openTime } = numerals;
  const times = [openTime, openTime * 1000, openTime / 100_000, -openTime / 1000, 0];
  const text = pick(dice, [...times.map(String), `${openTime / 1000}.5`, '1.79e9', '1e400']);
  return { reason: 'time_out_of_range', row: but(cells, 'time', text) };
};

const COINBASE: RowFormat = {
  names: null,
  hasBareNumbers: true,
  isNewestFirst: true,
  bareDamages: [
    tooManyDigits,
    wrongOrder,
    wrongOrder,
    noPrice,
    negativeVolume,
    noEpochSecond,
    ...timesOf({ cells: bareCells }),
  ],
  cells: bareCells,
  damages: [
    ...ANY,
    ...timesOf({ cells: bareCells }),
    cutAt(5),
    noEpochSecond,
    (cells, _slot, dice) => ({
      reason: 'malformed_row',
      row: but(cells, 'time', pick(dice, ['null', 'true', '{}', '[]'])),
    }),
  ],
};

/** By venue id. */
export const ROW_FORMATS: Readonly<Record<string, RowFormat>> = {
  'binance-futures': BINANCE,
  'binance-spot': BINANCE,
  hyperliquid: HYPERLIQUID,
  coinbase: COINBASE,
};
