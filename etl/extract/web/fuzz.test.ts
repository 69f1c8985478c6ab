/**
 * Broken documents through every web source, from bytes to accepted candles. In: recorded documents and
 * SYNTHETIC tables, broken by a seeded hand. What holds: whatever is thrown is an AppError; a rate that is
 * accepted is finite and above zero, stands in the document with its units and its date as text, and is
 * that text divided by the units, by a second opinion that shares no code with the first; and a document
 * that was cut off tells no rate that the whole one does not. `WICK_FUZZ_DOCUMENTS` sets how many.
 */
import { describe, expect, test } from 'vitest';
import type { Candle, Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { epochMs } from '#core/time.ts';
import { breakDocument } from '../../../tests/support/broken-documents.ts';
import { createDice } from '../../../tests/support/dice.ts';
import { fuzzedSources, type FuzzedSource } from '../../../tests/support/fuzzed-sources.ts';
import { validateCandle } from '../../transform/validate.ts';
import { REJECT_REASONS } from '../reject.ts';
import { assertKind, decodeText } from './page-text.ts';
import { toPage } from './rate-page.ts';
import type { WebDocument } from './source.ts';
import { unzipEntry } from './unzip-entry.ts';

const DOCUMENTS = Number(process.env['WICK_FUZZ_DOCUMENTS'] ?? '6000');
const CUTS = Math.ceil(DOCUMENTS / 10);
const SEED = 20_261_121;
const TEST_MS_MAX = 900_000;
const NOW = epochMs(Date.UTC(2027, 0, 1));
const FIRST = epochMs(Date.UTC(1999, 0, 1));
const UNZIPPED_BYTES_MAX = 4 * 1024 * 1024;
const SOURCES = fuzzedSources();
const PER_SOURCE = Math.ceil(DOCUMENTS / SOURCES.length);

/** A rate that was let through, and the words of the row that it came from. */
interface Told {
  readonly candle: Candle;
  readonly row: Readonly<Record<string, unknown>>;
}

interface Outcome {
  readonly text: string;
  readonly told: readonly Told[];
  readonly rejected: number;
}

const tally = { documents: 0, unreadable: 0, accepted: 0, rejected: 0 };

describe.each(SOURCES)('broken documents of $name', (fuzzed) => {
  test('the whole one is understood, or what follows would prove nothing', () => {
    const whole = read(fuzzed, fuzzed.bytes);
    expect(whole?.told.length).toBeGreaterThan(1);
  });

  test(
    'become sound rates, rejects that say why, or an error of ours',
    () => {
      const dice = createDice(SEED);
      for (let count = 0; count < PER_SOURCE; count += 1) {
        const outcome = read(fuzzed, breakDocument(fuzzed.bytes, dice));
        tally.documents += 1;
        if (outcome === null) tally.unreadable += 1;
        else {
          tally.accepted += outcome.told.length;
          tally.rejected += outcome.rejected;
          checkSound(fuzzed, outcome);
        }
      }
    },
    TEST_MS_MAX,
  );

  test(
    'that were cut off tell no rate that the whole one does not',
    () => {
      const whole = ratesOf(read(fuzzed, fuzzed.bytes));
      const dice = createDice(SEED + 1);
      for (let count = 0; count < CUTS; count += 1) {
        const cut = read(fuzzed, fuzzed.bytes.subarray(0, dice.roll(fuzzed.bytes.length)));
        tally.documents += 1;
        for (const [key, rate] of ratesOf(cut)) expect([key, rate]).toEqual([key, whole.get(key)]);
      }
    },
    TEST_MS_MAX,
  );
});

test('enough was broken, and not beyond recognition', () => {
  expect(tally.documents).toBeGreaterThanOrEqual(DOCUMENTS);
  expect(tally.unreadable).toBeGreaterThan(tally.documents / 20);
  expect(tally.accepted).toBeGreaterThan(tally.documents);
  expect(tally.rejected).toBeGreaterThan(tally.documents / 20);
});

/** As a fetch and a run would read it; null where it was refused as a whole, with an error of ours. */
function read(fuzzed: FuzzedSource, bytes: Buffer): Outcome | null {
  const { source, kind, contentType, entry, day } = fuzzed;
  const document: WebDocument = {
    url: 'https://rates.example/document',
    kind,
    day,
    goodMs: 0,
    ...(entry === undefined ? {} : { entry }),
  };
  try {
    const text = textOf(fuzzed, bytes, contentType);
    const sheet = source.read(text, document);
    const raw = { url: document.url, fetchedAt: NOW, body: text };
    const told: Told[] = [];
    let rejected = 0;
    for (const { venueSymbol, base, quote } of sheet.listings) {
      const exchange = source.id;
      const { marketType } = source;
      const series: Series = { exchange, marketType, symbol: `${base}/${quote}`, interval: '1d' };
      const wanted = { series, venueSymbol, venueNow: NOW, first: FIRST, last: NOW };
      const page = toPage(wanted, document, { raw, sheet });
      for (const { reason, detail } of page.rejects) {
        expect(REJECT_REASONS).toContain(reason);
        expect(detail).not.toBe('');
      }
      rejected += page.rejects.length;
      for (const { candle, row } of page.candles) {
        if (validateCandle(candle, NOW) === null) told.push({ candle, row: recordOf(row) });
        else rejected += 1;
      }
    }
    return { text, told, rejected };
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

function textOf({ source, kind, entry }: FuzzedSource, bytes: Buffer, contentType: string): string {
  const page = { source: source.id, url: 'https://rates.example/document', contentType, bytes };
  assertKind(page, kind);
  if (kind !== 'zip') return decodeText(page, kind);
  const place = { source: source.id, url: page.url, name: entry ?? '' };
  const unzipped = unzipEntry(bytes, { ...place, bytesMax: UNZIPPED_BYTES_MAX });
  return decodeText({ ...page, contentType: undefined, bytes: unzipped }, 'text');
}

function recordOf(row: unknown): Readonly<Record<string, unknown>> {
  return typeof row === 'object' && row !== null ? { ...row } : {};
}

function ratesOf(outcome: Outcome | null): Map<string, string> {
  const told = outcome?.told ?? [];
  return new Map(told.map(({ candle }) => [`${candle.symbol} ${candle.openTime}`, candle.close]));
}

const CANONICAL = /^(?:0|[1-9]\d{0,19})(?:\.\d{0,17}[1-9])?$/;

function checkSound(fuzzed: FuzzedSource, { text, told }: Outcome): void {
  const page = plain(text);
  const seen = new Set<string>();
  for (const { candle, row } of told) {
    const { open, high, low, close, openTime, symbol } = candle;
    expect([open, high, low]).toEqual([close, close, close]);
    expect(close).toMatch(CANONICAL);
    expect(Number.isFinite(Number(close)) && Number(close) > 0).toBe(true);
    expect(openTime % 86_400_000).toBe(0);
    expect(openTime).toBeLessThanOrEqual(NOW);
    const key = `${symbol} ${openTime}`;
    expect(seen.has(key)).toBe(false);
    seen.add(key);
    const rate = wordOf(row, fuzzed.rate);
    const units = fuzzed.nominal === null ? '1' : wordOf(row, fuzzed.nominal);
    const words = [rate, ...(fuzzed.nominal === null ? [] : [units])];
    if (fuzzed.date !== null) words.push(wordOf(row, fuzzed.date));
    for (const word of words) {
      if (!page.includes(plain(word)))
        throw new Error(`"${word}" of ${key} is not in the document`);
    }
    if (scaled(close) * BigInt(units.trim()) !== scaled(pointed(rate, fuzzed))) {
      throw new Error(`${key} is ${close}, but the document says "${rate}" for ${units}`);
    }
  }
}

function wordOf(row: Readonly<Record<string, unknown>>, name: string): string {
  const word = row[name];
  if (typeof word !== 'string') throw new Error(`an accepted row has no "${name}"`);
  return word;
}

/** A document without its tags, escapes and blanks: what a reader sees. */
function plain(text: string): string {
  const bare = text
    .replaceAll(/<!--.*?-->/gs, '')
    .replaceAll(/<\/?[a-z](?:"[^"]*"|[^>"])*>/gi, (tag) =>
      // Attributes hold rates, too; tags between digits do not part them.
      tag.includes('=') ? ` ${tag} ` : '',
    );
  return bare
    .replaceAll(/&#(\d+);/g, (_all, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_all, code: string) =>
      String.fromCharCode(Number(`0x${code}`)),
    )
    .replaceAll('&nbsp;', '')
    .replaceAll(/\s+/g, '');
}

/** As `1234.5`, by the marks of its source. */
function pointed(rate: string, { decimal, thousands }: FuzzedSource): string {
  const bare = rate.replaceAll(/\s/g, '');
  return (thousands === '' ? bare : bare.replaceAll(thousands, '')).replace(decimal, '.');
}

/** In units of 10^-18. */
function scaled(numeral: string): bigint {
  const match = /^(\d+)(?:\.(\d{1,18})0*)?$/.exec(numeral);
  if (match === null) throw new Error(`"${numeral}" is no numeral`);
  const [, whole = '', fraction = ''] = match;
  return BigInt(whole + fraction.padEnd(18, '0'));
}
