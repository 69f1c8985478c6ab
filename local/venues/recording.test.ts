import { describe, expect, test } from 'vitest';
import { firstAtOrAfter, parseRecordingRows, readCells, type RecordingRows } from './recording.ts';

const HEADER = 'timestamp_ms,open,high,low,close,volume';
const T = 1_748_928_720_000;
const MINUTE = 60_000;

function rowsOf(text: string): RecordingRows {
  const result = parseRecordingRows(Buffer.from(text));
  if (!result.ok) throw new Error(result.reason);
  return result.rows;
}

function checkRefused(text: string, reason: string | RegExp): void {
  const result = parseRecordingRows(Buffer.from(text));
  expect(result.ok ? 'accepted' : result.reason).toMatch(reason);
}

describe('recorded rows', () => {
  test('are kept verbatim, right or wrong', () => {
    const lines = [`${T},1.50,NaN,-3,"x,`, `${T + MINUTE},1e3,2,1,1.5,`];
    const rows = rowsOf(`${HEADER}\n${lines.join('\n')}\n`);
    expect(rows.count).toBe(2);
    expect(readCells(rows, 0, 2).map((cells) => cells.join(','))).toEqual(lines);
  });

  test.each([
    ['no newline at the end', '\n', ''],
    ['blank lines at the end', '\n', '\n\n\n'],
    ['Windows line ends', '\r\n', '\r\n'],
  ])('read the same with %s', (_name, newline, end) => {
    const text = [HEADER, `${T},1,2,1,2,5`, `${T + MINUTE},2,3,2,3,`].join(newline) + end;
    const cells = readCells(rowsOf(text), 0, 2);
    expect(cells.map((row) => row.at(-1))).toEqual(['5', '']);
  });

  test('accept a byte order mark before the header', () => {
    expect(rowsOf(`\uFEFF${HEADER}\n${T},1,2,1,2,5\n`).count).toBe(1);
  });

  test('may have more columns, in their order', () => {
    const rows = rowsOf(`${HEADER},trades,taker_buy_base\n${T},1,2,1,2,5,9,0.5\n`);
    expect([rows.extras, readCells(rows, 0, 1)[0]?.slice(6)]).toEqual([
      ['trades', 'taker_buy_base'],
      ['9', '0.5'],
    ]);
    checkRefused(`${HEADER},taker_buy_base,trades\n${T},1,2,1,2,5,9,9\n`, /^line 1: header/);
    checkRefused(`${HEADER},trades\n${T},1,2,1,2,5\n`, /^line 2: 6 columns instead of 7/);
  });

  test('are found by open time', () => {
    const rows = rowsOf(
      `${HEADER}\n${[0, 1, 4].map((n) => `${T + n * MINUTE},1,1,1,1,1`).join('\n')}\n`,
    );
    const at = (offset: number): number => firstAtOrAfter(rows, T + offset * MINUTE);
    expect([at(-1), at(0), at(0.5), at(1), at(2), at(4), at(5)]).toEqual([0, 0, 1, 1, 2, 2, 3]);
  });

  test.each([
    [
      'another header',
      'time,open,high,low,close,volume\n1,1,1,1,1,1',
      /^line 1: header "time,open/,
    ],
    ['no candles', `${HEADER}\n`, /no candles/],
    ['nothing at all', '', /^line 1: header ""/],
    ['a missing column', `${HEADER}\n${T},1,1,1,1`, /^line 2: 5 columns instead of 6/],
    ['a cut last line', `${HEADER}\n${T},1,1,1,1,1\n${T + 1},1,1`, /^line 3: 3 columns/],
    [
      'a blank line within',
      `${HEADER}\n${T},1,1,1,1,1\n\n${T + 1},1,1,1,1,1`,
      /^line 3: 1 columns/,
    ],
    [
      'a time that is no integer',
      `${HEADER}\n${T}.5,1,1,1,1,1`,
      /^line 2: timestamp ".*\.5" is not/,
    ],
    ['an empty time', `${HEADER}\n,1,1,1,1,1`, /^line 2: timestamp "" is not an integer/],
    ['a negative time', `${HEADER}\n-${T},1,1,1,1,1`, /^line 2: timestamp "-.*" is not an integer/],
    [
      'seconds',
      `${HEADER}\n1748928720,1,1,1,1,1`,
      /^line 2: timestamp 1748928720 is not in epoch milli/,
    ],
    ['microseconds', `${HEADER}\n1748928720000000,1,1,1,1,1`, /^line 2: timestamp/],
    [
      'a repeated time',
      `${HEADER}\n${T},1,1,1,1,1\n${T},1,1,1,1,1`,
      /^line 3: .* repeats the line/,
    ],
    [
      'a time that goes back',
      `${HEADER}\n${T},1,1,1,1,1\n${T - 1},1,1,1,1,1`,
      /^line 3: .* earlier/,
    ],
  ])('are refused for %s', (_name, text, reason) => {
    checkRefused(text, reason);
  });
});
