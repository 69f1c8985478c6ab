/**
 * Documents broken by a seeded hand, byte by byte: cut, doubled, tags and marks dropped, numbers garbled,
 * charsets wrong. In: the bytes of a good document. Out: bytes that somebody's server might send.
 */
import { pick, type Dice } from './dice.ts';

/** Numerals that have broken somebody's importer; none of them is a rate as any source writes it. */
const ODD_NUMERALS = [
  'NaN',
  'Infinity',
  '-Infinity',
  '-1',
  '-0,5',
  '0',
  '-0',
  '0,0',
  '1e400',
  '1e-400',
  '1e5',
  '0x10',
  '1,2,3',
  '1.2.3',
  '--1',
  '1-',
  '.5',
  '5.',
  ',5',
  '5,',
  '+5',
  '\u22125',
  '1/2',
  '',
  ' ',
  '1 000',
  '1\u00a0000',
  '1\u202f000',
  '\u0663\u066b\u0665',
  '\uff11\uff12',
  '\u00bd',
  '\u00b2',
  '9'.repeat(21),
  '9'.repeat(5_000),
  `0.${'1'.repeat(30)}`,
  '1e-19',
  'null',
  '"5"',
  '100000000000000000000',
  '0,0000000000000000001',
  '&#53;',
  '<b>5</b>',
  '5<!-- -->5',
  '\u00005',
];
const DATES = ['2016-02-30', '31.02.2016', '9999-99-99', '01.01.1970', '2099-12-31', '', 'today'];
const CHARSETS = [
  'utf-8',
  'utf-16',
  'utf-16be',
  'windows-1251',
  'iso-8859-5',
  'koi8-r',
  'ibm866',
  'utf-7',
  'x-user-defined',
  'iso-2022-jp',
  'shift_jis',
  'gb18030',
  'no-such-charset',
];
const OUTAGE = '<!DOCTYPE html><html><body><h1>503</h1></body></html>';

const NUMBER = /\d[\d.,\u00a0 ]*/g;
const MARK = /<[^<>]{0,200}>|[|",;:{}[\]\n]/g;
const DATE = /\d{4}-\d\d-\d\d|\d\d\.\d\d\.\d{4}/g;
const BREAKS_MAX = 3;

/** One to three things are wrong with it. */
export function breakDocument(bytes: Buffer, dice: Dice): Buffer {
  let broken = bytes;
  for (let times = 1 + dice.roll(BREAKS_MAX); times > 0; times -= 1)
    broken = breakOnce(broken, dice);
  return broken;
}

function breakOnce(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.roll(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + dice.roll(60));
  switch (dice.roll(14)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 3: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = dice.roll(256);
      return flipped;
    }
    case 4:
    case 5:
      return inText(bytes, (text) => replaceOne(text, MARK, '', dice));
    case 6:
      return inText(bytes, (text) => replaceOne(text, DATE, pick(dice, DATES), dice));
    case 7:
      return inText(bytes, (text) => swapTwo(text, dice));
    case 8:
    case 9:
      return recoded(bytes, dice);
    case 10:
      return pick(dice, [
        () => Buffer.concat([bytes, bytes]),
        () => Buffer.concat([Buffer.from(OUTAGE), bytes]),
        () => Buffer.concat([bytes, Buffer.from(OUTAGE)]),
        () => Buffer.from(OUTAGE),
        () => Buffer.alloc(0),
      ])();
    default:
      return inText(bytes, (text) => replaceOne(text, NUMBER, pick(dice, ODD_NUMERALS), dice));
  }
}

/** What is put in is UTF-8, whatever the rest is: as where two encodings meet on one page. */
function inText(bytes: Buffer, change: (text: string) => string): Buffer {
  const changed = change(bytes.toString('latin1'));
  return Buffer.from(
    changed.replaceAll(/[\u0100-\uffff]+/g, (wide) => Buffer.from(wide).toString('latin1')),
    'latin1',
  );
}

function replaceOne(text: string, pattern: RegExp, by: string, dice: Dice): string {
  const found = [...text.matchAll(pattern)];
  const one = found[dice.roll(Math.max(1, found.length))];
  return one === undefined
    ? text
    : text.slice(0, one.index) + by + text.slice(one.index + one[0].length);
}

function swapTwo(text: string, dice: Dice): string {
  const found = [...text.matchAll(NUMBER)];
  const [a, b] = [dice.roll(Math.max(1, found.length)), dice.roll(Math.max(1, found.length))].sort(
    (x, y) => x - y,
  );
  const [one, two] = [found[a ?? 0], found[b ?? 0]];
  if (one === undefined || two === undefined || one === two) return text;
  const between = text.slice(one.index + one[0].length, two.index);
  return (
    text.slice(0, one.index) + two[0] + between + one[0] + text.slice(two.index + two[0].length)
  );
}

function recoded(bytes: Buffer, dice: Dice): Buffer {
  const text = bytes.toString('latin1');
  return pick(dice, [
    () => Buffer.from(text, 'utf16le'),
    () => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]),
    () => Buffer.concat([Buffer.from([0xfe, 0xff]), bytes]),
    () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
    () => Buffer.from(text, 'utf8'),
    () =>
      Buffer.from(
        text.replaceAll(/(charset|encoding)=["']?[\w-]+/g, `$1="${pick(dice, CHARSETS)}`),
      ),
    () =>
      Buffer.from(
        text.replaceAll(/(charset|encoding)=(["']?)[\w-]+/g, `$1=$2${pick(dice, CHARSETS)}`),
        'latin1',
      ),
  ])();
}
