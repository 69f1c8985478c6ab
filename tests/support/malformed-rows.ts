/**
 * SYNTHETIC candle rows in each venue's own words, sound ones with malformed ones in between. In: a
 * venue, a seed, how many malformed rows. Out: pages of text, and for each row what has to become of it:
 * the exact values, or the reason and the text that is kept. Every row is malformed in one way that is
 * known beforehand and no two are equal, so that nothing has to be guessed afterwards. It shares no
 * code with what it is to test.
 */
import type { RejectReason } from '../../etl/extract/reject.ts';
import { createDice, pick, type Dice } from './dice.ts';

/** A row: JSON tokens by field, in the order that its venue writes them. */
export type Cells = ReadonlyMap<string, string>;

interface SoundRow {
  /** Epoch ms. */
  readonly openTime: number;
  /** open, high, low, close, volume, quote volume, trades, taker base, taker quote; "" for none. */
  readonly values: readonly string[];
  readonly text: string;
}

interface MalformedRow {
  readonly text: string;
  /** The row as quarantine has to keep it. */
  readonly kept: string;
  readonly reason: RejectReason;
}

export interface RowPage {
  /** The venue's answer. */
  readonly body: string;
  readonly sound: readonly SoundRow[];
  readonly malformed: readonly MalformedRow[];
}

export interface RowFormat {
  /** What the venue calls a field; null where rows are lists. */
  readonly names: Readonly<Record<string, string>> | null;
  /** Numbers of the row, prices too, are JSON numbers and are kept as text. */
  readonly hasBareNumbers: boolean;
  readonly isNewestFirst: boolean;
  cells(row: Numerals): Cells;
  /** What can be wrong with a row, beyond what can be wrong with any. */
  readonly damages: readonly Damage[];
  /**
   * Those that leave nothing but bare numbers, for every second page: the venue's mapper may read such
   * an answer in another way. Null where it is all one.
   */
  readonly bareDamages: readonly Damage[] | null;
}

/** One candle before a venue has written it: plain numerals. */
export interface Numerals {
  readonly openTime: number;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly quote: string;
  readonly trades: number;
  readonly takerBase: string;
  readonly takerQuote: string;
}

interface Damaged {
  readonly reason: RejectReason;
  /** Cells, or a whole row of another shape as JSON text. */
  readonly row: Cells | string;
}

/** Where a damaged row stands. */
interface Slot {
  readonly numerals: Numerals;
  /** Of this row alone, from 1. */
  readonly serial: number;
  /** The venue's clock, and the end of the range that is asked for, epoch ms. */
  readonly now: number;
  readonly to: number;
}

export type Damage = (cells: Cells, slot: Slot, dice: Dice) => Damaged;

export const MINUTE_MS = 60_000;
const PAGE_ROWS = 500;
/** One row of so many is sound. */
const SOUND_EVERY = 5;

interface RowPlan {
  readonly seed: number;
  readonly malformed: number;
  /** First open time, epoch ms, on the grid of a minute. */
  readonly from: number;
  readonly now: number;
  readonly to: number;
}

/** Pages, oldest first. The first row of each page is sound, so that what follows has a neighbour. */
export function* rowPages(format: RowFormat, plan: RowPlan): Generator<RowPage, void, undefined> {
  const dice = createDice(plan.seed);
  const { now, to } = plan;
  let serial = 0;
  let left = plan.malformed;
  let price = 10_000;
  const jumps = { up: false };
  for (let page = 0; left > 0; page += 1) {
    const damages = page % 2 === 0 ? format.damages : (format.bareDamages ?? format.damages);
    const sound: SoundRow[] = [];
    const malformed: MalformedRow[] = [];
    // Rows that must stay in their order, whichever way the page runs.
    const groups: string[][] = [];
    for (let row = 0; row < PAGE_ROWS && left > 0; row += 1) {
      serial += 1;
      price = Math.min(20_000, Math.max(5_000, price + dice.roll(201) - 100));
      const numerals = numeralsAt(plan.from + serial * MINUTE_MS, price, serial, dice);
      const slot = { numerals, serial, now, to };
      if (row === 0 || dice.roll(SOUND_EVERY) === 0) {
        const text = write(format, format.cells(numerals));
        const group = [text];
        sound.push({ openTime: numerals.openTime, values: valuesOf(format, numerals), text });
        if (dice.roll(4) === 0) {
          const again = { ...numerals, volume: `${serial}.75` };
          const twin = malformedRow(format, { reason: 'duplicate', row: format.cells(again) });
          group.push(twin.text);
          malformed.push(twin);
          left -= 1;
        }
        groups.push(group);
      } else {
        const found =
          dice.roll(20) === 0
            ? jump(format, slot, jumps)
            : pick(dice, damages)(format.cells(numerals), slot, dice);
        const bad = malformedRow(format, found);
        malformed.push(bad);
        groups.push([bad.text]);
        left -= 1;
      }
    }
    if (format.isNewestFirst) groups.reverse();
    yield { body: `[${groups.flat().join(',')}]`, sound, malformed };
  }
}

/** Units of the last digit as a numeral, now and then with zeros that mean nothing. */
function numeral(units: number, scale: number, zeros = 0): string {
  const digits = String(units).padStart(scale + 1, '0');
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}${'0'.repeat(zeros)}`;
}

function numeralsAt(openTime: number, price: number, serial: number, dice: Dice): Numerals {
  const open = price;
  const close = price + dice.roll(101) - 50;
  const zeros = dice.roll(3);
  return {
    openTime,
    open: numeral(open, 2, zeros),
    // Never equal to another of the four, so that any two of them can be told apart.
    high: numeral(Math.max(open, close) + 1 + dice.roll(50), 2, zeros),
    low: numeral(Math.min(open, close) - 1 - dice.roll(50), 2, zeros),
    close: numeral(close, 2, zeros),
    volume: `${serial}.25`,
    quote: numeral(serial * 7 + dice.roll(1_000), 3),
    trades: dice.roll(100_000),
    takerBase: numeral(dice.roll(1_000_000), 4),
    takerQuote: numeral(dice.roll(1_000_000), 8),
  };
}

/** A lonely spike. Up and down take turns: two alike in a row would confirm each other. */
function jump(format: RowFormat, { numerals }: Slot, jumps: { up: boolean }): Damaged {
  jumps.up = !jumps.up;
  const far = (text: string): string => {
    const [whole = '', fraction = ''] = text.split('.');
    return jumps.up
      ? `${whole}${fraction.slice(0, 2)}000`
      : `0.000${whole.padStart(3, '0')}${fraction}`;
  };
  const { open, high, low, close } = numerals;
  const spike = { open: far(open), high: far(high), low: far(low), close: far(close) };
  return { reason: 'jump', row: format.cells({ ...numerals, ...spike }) };
}

function malformedRow(format: RowFormat, { reason, row }: Damaged): MalformedRow {
  const text = typeof row === 'string' ? row : write(format, row);
  const kept = format.hasBareNumbers
    ? text.replaceAll(/(?<=[[,:])-?\d[\d.eE+-]*(?=[\],}])/g, '"$&"')
    : text;
  return { text, kept: JSON.stringify(JSON.parse(kept)), reason };
}

function write(format: RowFormat, cells: Cells): string {
  const { names, hasBareNumbers } = format;
  if (names === null) {
    const tokens = [...cells.values()];
    return `[${(hasBareNumbers ? tokens.map(bare) : tokens).join(',')}]`;
  }
  return `{${[...cells].map(([field, token]) => `"${names[field] ?? field}":${token}`).join(',')}}`;
}

/** A number in quotes without them. */
function bare(token: string): string {
  return token.replace(/^"(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?)"$/, '$1');
}

/** As a store has to have them: without zeros that mean nothing. */
function valuesOf(format: RowFormat, row: Numerals): readonly string[] {
  const names = new Set(format.cells(row).keys());
  const { open, high, low, close, volume, quote, trades, takerBase, takerQuote } = row;
  return [
    ...[open, high, low, close, volume].map(plain),
    names.has('quote') ? plain(quote) : '',
    names.has('trades') ? String(trades) : '',
    names.has('takerBase') ? plain(takerBase) : '',
    names.has('takerQuote') ? plain(takerQuote) : '',
  ];
}

function plain(text: string): string {
  return text.replace(/\.?0+$/, '').replace(/^$/, '0');
}
