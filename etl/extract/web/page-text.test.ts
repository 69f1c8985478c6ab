import { describe, expect, test } from 'vitest';
import { capturedBytes } from '../../../tests/support/web-documents.ts';
import { assertKind, decodeText, type AnsweredPage } from './page-text.ts';

const page = (bytes: Uint8Array | string, contentType?: string): AnsweredPage => ({
  source: 'test',
  url: 'https://rates.example/a',
  contentType,
  bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes,
});
const CYRILLIC = Uint8Array.of(0xc4, 0xe0);

describe('a charset', () => {
  test.each([
    ['the header', page(CYRILLIC, 'text/html; charset=windows-1251'), 'html', 'Да'],
    ['a quoted header', page(CYRILLIC, 'text/html; Charset="Windows-1251"'), 'html', 'Да'],
    [
      'the header before the declaration',
      page(
        Buffer.from([...Buffer.from('<?xml version="1.0" encoding="utf-8"?>'), 0xc4]),
        'text/xml; charset=windows-1251',
      ),
      'xml',
      '<?xml version="1.0" encoding="utf-8"?>Д',
    ],
    [
      'the declaration',
      page(Buffer.from([...Buffer.from("<?xml version='1.0' encoding='windows-1251'?>"), 0xc4])),
      'xml',
      "<?xml version='1.0' encoding='windows-1251'?>Д",
    ],
    [
      'a meta element',
      page(Buffer.from([...Buffer.from('<html><meta charset="windows-1251">'), 0xc4])),
      'html',
      '<html><meta charset="windows-1251">Д',
    ],
    ['a byte-order mark', page(Uint8Array.of(0xff, 0xfe, 0x14, 0x04)), 'text', 'Д'],
    [
      'a byte-order mark before the header',
      page('\ufeffД', 'text/plain; charset=latin1'),
      'text',
      'Д',
    ],
    ['nothing: UTF-8', page('Д'), 'text', 'Д'],
  ] as const)('is told by %s', (_name, answered, kind, text) => {
    expect(decodeText(answered, kind)).toBe(text);
  });

  test('that bytes are not of is refused, nothing is replaced', () => {
    expect(() => decodeText(page(CYRILLIC), 'text')).toThrow('its bytes are not "utf-8"');
  });

  test('that nobody knows is refused', () => {
    expect(() => decodeText(page('x', 'text/plain; charset=klingon'), 'text')).toThrow(
      'its charset "klingon" is not known',
    );
  });
});

describe('an answer', () => {
  const failure = capturedBytes('bnb-failure.html');

  test.each([
    ['says that it is HTML', 'text/html; charset=utf-8'],
    ['says that it is XML', 'application/xml'],
    ['says nothing', undefined],
  ])('that is a page where XML was expected is refused, if it %s', (_name, type) => {
    expect(() => assertKind(page(failure, type), 'xml')).toThrow(
      expect.objectContaining({
        code: 'WICK_ETL_VENUE_PAYLOAD',
        message: expect.stringMatching(/an HTML page where xml was expected, beginning "<!DOCTYPE/),
      }),
    );
  });

  test.each([
    ['application/json', 'xml'],
    ['image/png', 'html'],
    ['text/html', 'json'],
    ['text/html', 'zip'],
    ['application/pdf', 'text'],
  ] as const)('of type %s is no %s', (type, kind) => {
    expect(() => assertKind(page('1', type), kind)).toThrow(`"${type}" where ${kind}`);
  });

  test.each([
    ['text/xml', 'xml'],
    ['application/rss+xml; charset=utf-8', 'xml'],
    ['TEXT/HTML', 'html'],
    ['application/json', 'json'],
    ['text/plain', 'text'],
    ['application/x-zip-compressed', 'zip'],
    ['', 'text'],
  ] as const)('of type %s may be %s', (type, kind) => {
    expect(() => assertKind(page('1', type), kind)).not.toThrow();
  });
});
