import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { parseRecordingRows, type Recording } from '../recording.ts';
import { renderKlines, type KlinesQuery } from './klines.ts';

const T = 1_748_928_720_000;
const MINUTE = 60_000;
const LINES = [
  `${T},1,4,0.5,2,10`,
  `${T + MINUTE},2,5,1.5,3,`,
  `${T + 2 * MINUTE},3,NaN,"2",4,-1`,
  `${T + 5 * MINUTE},7,8,6,7.5,3`,
];

const recording = ((): Recording => {
  const header = 'timestamp_ms,open,high,low,close,volume';
  const parsed = parseRecordingRows(Buffer.from(`${header}\n${LINES.join('\n')}\n`));
  if (!parsed.ok) throw new Error(parsed.reason);
  return { file: 'x', base: 'A', quote: 'B', interval: '1m', ...parsed.rows };
})();
const LATER = epochMs(T + 100 * MINUTE);

/** Asks in minutes after the first candle; answers with the minutes that came. */
function check(query: Partial<KlinesQuery>, expected: readonly number[], now = LATER): void {
  const asked = { startTime: undefined, endTime: undefined, limit: 500, ...query };
  const rows = JSON.parse(renderKlines(recording, asked, now)) as number[][];
  expect(rows.map((row) => ((row[0] ?? 0) - T) / MINUTE)).toEqual(expected);
}

describe('klines out of a recording', () => {
  test('have twelve elements, prices as text, and null for what was not recorded', () => {
    const text = renderKlines(recording, { startTime: T, endTime: T + MINUTE, limit: 2 }, LATER);
    expect(text).toBe(
      `[[${T},"1","4","0.5","2","10",${T + MINUTE - 1},null,null,null,null,"0"],` +
        `[${T + MINUTE},"2","5","1.5","3",null,${T + 2 * MINUTE - 1},null,null,null,null,"0"]]`,
    );
  });

  test('keep cells verbatim, wrong ones too', () => {
    const query = { startTime: T + 2 * MINUTE, endTime: undefined, limit: 1 };
    expect(JSON.parse(renderKlines(recording, query, LATER))).toEqual([
      [
        T + 2 * MINUTE,
        '3',
        'NaN',
        '"2"',
        '4',
        '-1',
        T + 3 * MINUTE - 1,
        null,
        null,
        null,
        null,
        '0',
      ],
    ]);
  });

  test('are the newest ones without a start', () => {
    check({ limit: 2 }, [2, 5]);
    check({ limit: 2, endTime: T + 4 * MINUTE }, [1, 2]);
  });

  test('are the oldest ones from a start', () => {
    check({ limit: 2, startTime: T }, [0, 1]);
    check({ limit: 2, startTime: T + 1 }, [1, 2]);
    check({ startTime: T + MINUTE, endTime: T + 2 * MINUTE }, [1, 2]);
  });

  test('skip what was not recorded and end with the recording', () => {
    check({ startTime: T + 3 * MINUTE, endTime: T + 4 * MINUTE }, []);
    check({ startTime: T + 3 * MINUTE }, [5]);
    check({ startTime: T + 6 * MINUTE }, []);
    check({ startTime: T + 2 * MINUTE, endTime: T }, []);
  });

  test('show nothing that opens after now', () => {
    check({}, [], epochMs(T - 1));
    check({}, [0], epochMs(T));
    check({ startTime: T, endTime: T + 9 * MINUTE }, [0, 1, 2], epochMs(T + 4 * MINUTE));
  });

  test('show of an open candle its opening tick only, until the very end of the interval', () => {
    const query = { startTime: T, endTime: undefined, limit: 1 };
    const tick = [[T, '1', '1', '1', '1', null, T + MINUTE - 1, null, null, null, null, '0']];
    expect(JSON.parse(renderKlines(recording, query, epochMs(T + MINUTE - 1)))).toEqual(tick);
    expect(JSON.parse(renderKlines(recording, query, epochMs(T + MINUTE)))).not.toEqual(tick);
  });
});
