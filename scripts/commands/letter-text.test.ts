import { describe, expect, test } from 'vitest';
import type { Letter, LetterEntry } from '../../connectors/index.ts';
import { epochMs } from '#core/time.ts';
import { content, countByCode, describeEntry, letterText } from './letter-text.ts';

const ORIGIN = {
  topic: 'candles',
  partition: 7,
  offset: '41',
  timestamp: epochMs(1_767_225_600_000),
};

function entry(changes: Partial<LetterEntry> = {}): LetterEntry {
  return {
    id: '0:17',
    identity: 'candles/7/41@1767225600000',
    parkedAt: epochMs(1_767_225_601_000),
    origin: ORIGIN,
    code: 'not_json',
    reason: 'not JSON',
    stack: null,
    by: 'analyzer 1.2.3',
    ancestor: null,
    attempts: 0,
    keyBytes: 1,
    valueBytes: 3,
    parts: 1,
    isWhole: true,
    status: 'waiting',
    markedAt: null,
    ...changes,
  };
}

function letter(value: Buffer | null): Letter {
  const { code, reason, stack, by, ancestor, attempts } = entry();
  const headers = [['trace', Buffer.from('abc')] as const, ['none', null] as const];
  const record = { ...ORIGIN, key: Buffer.from('k'), value, headers };
  return { record, code, reason, stack, by, ancestor, attempts };
}

describe('bytes are told as text only where the text is them', () => {
  test.each<[string, Buffer, string, string]>([
    ['text', Buffer.from('{"a":\n"é"}'), 'utf8', '{"a":\n"é"}'],
    ['nothing', Buffer.alloc(0), 'utf8', ''],
    ['no UTF-8', Buffer.from([0xff, 0xfe]), 'base64', '//4='],
    ['half a character', Buffer.from([0xc3]), 'base64', 'ww=='],
    ['what a terminal would act on', Buffer.from('\u001b[2J'), 'base64', 'G1sySg=='],
    ['a magic byte', Buffer.from([0, 65]), 'base64', 'AEE='],
  ])('%s', (_name, bytes, encoding, text) => {
    expect(content(bytes)).toEqual({ bytes: bytes.length, encoding, content: text });
  });

  test('none at all is none', () => {
    expect(content(null)).toEqual({ bytes: null, encoding: null, content: null });
  });
});

test('a letter is told with all that is known of it', () => {
  const known = entry({
    status: 'redriven',
    markedAt: '2026-01-01T00:00:09.000Z',
    ancestor: '0:3',
    attempts: 2,
    stack: 'Error: x\n    at y',
  });
  expect(letterText(letter(Buffer.from('not')), known)).toBe(
    [
      'letter    0:17, parked at 2026-01-01T00:00:01.000Z by analyzer 1.2.3',
      'status    redriven at 2026-01-01T00:00:09.000Z',
      'origin    topic candles, partition 7, offset 41',
      'produced  2026-01-01T00:00:00.000Z',
      'reason    not_json: not JSON',
      'ancestor  letter 0:3',
      'attempts  2',
      'header    trace: (3 bytes) abc',
      'header    none: none',
      'key       (1 byte) k',
      'value     (3 bytes) not',
      'stack     Error: x\n    at y',
    ].join('\n'),
  );
});

test('a reason is one line, however long and odd it is', () => {
  const cells = describeEntry(entry({ reason: `a\u001b\nb${'x'.repeat(5_000)}`, isWhole: false }));
  expect(cells.slice(0, 5)).toEqual([
    '0:17',
    '2026-01-01T00:00:01.000Z',
    'waiting, incomplete',
    'candles/7/41',
    '3 bytes',
  ]);
  expect(cells[5]).toMatch(/^not_json: a {2}bx{296}…$/);
});

test('letters are counted by code, the most frequent first', () => {
  const entries = [
    entry({ code: 'b' }),
    entry({ code: 'a', status: 'dropped' }),
    entry({ code: 'b', status: 'redriven' }),
  ];
  expect(countByCode(entries)).toEqual([
    { code: 'b', letters: 2, waiting: 1 },
    { code: 'a', letters: 1, waiting: 0 },
  ]);
});
