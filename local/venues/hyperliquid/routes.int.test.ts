import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { openTestVenue, type TestVenue, type WireAnswer } from '../test-venue.ts';

const HOUR = 3_600_000;
const FIRST = 1_684_699_200_000;
/** What the venue was asked when its answer was captured. */
const CAPTURED = { coin: 'kPEPE', interval: '1h', startTime: 1_684_702_007_000 };

let subject: TestVenue | null = null;
let folder = '';
afterEach(async () => {
  await subject?.close();
  if (folder !== '') rmSync(folder, { recursive: true });
  folder = '';
});

async function open(now: string, options: Parameters<typeof openTestVenue>[1] = {}): Promise<void> {
  subject = await openTestVenue(now, options);
}

async function info(body: unknown): Promise<WireAnswer> {
  if (subject === null) throw new Error('not open');
  return subject.ask('hyperliquid', '/info', body);
}

const snapshot = (req: object): object => ({ type: 'candleSnapshot', req });

/** A synthetic series of this many minutes from FIRST, with as many payments. */
function synthesise(count: number): string {
  folder = mkdtempSync(join(tmpdir(), 'wick-hyperliquid-'));
  mkdirSync(join(folder, 'hyperliquid'));
  const rows = Array.from({ length: count }, (_, n) => `${FIRST + n * 60_000},1,2,1,2,${n}`);
  const header = 'timestamp_ms,open,high,low,close,volume';
  writeFileSync(join(folder, 'hyperliquid', 'TEST-1m.csv'), [header, ...rows].join('\n'));
  const payments = Array.from({ length: count }, (_, n) => `${FIRST + n * HOUR + 7},0.00001,,-0.1`);
  const text = ['timestamp_ms,rate,mark_price,premium', ...payments].join('\n');
  writeFileSync(join(folder, 'hyperliquid', 'TEST-funding.csv'), text);
  return folder;
}

describe('Hyperliquid as recorded', () => {
  test('answers as the real one did when it was captured', async () => {
    await open('2023-07-17T21:43:24Z');
    const { status, text } = await info(snapshot({ ...CAPTURED, endTime: 1_684_784_807_000 }));
    const candles = JSON.parse(text) as object[];
    expect([status, candles.length]).toEqual([200, 24]);
    expect(text.slice(0, 154)).toBe(
      '[{"t":1684699200000,"T":1684702799999,"s":"kPEPE","i":"1h","o":"0.001601","c":"0.001604","h":"0.001616","l":"0.001601","v":"520665683.0","n":709},{"t":168',
    );
    expect(candles.at(-1)).toEqual({
      t: 1_684_782_000_000,
      T: 1_684_785_599_999,
      s: 'kPEPE',
      i: '1h',
      o: '0.001538',
      c: '0.00154',
      h: '0.001548',
      l: '0.001536',
      v: '308219489.0',
      n: 430,
    });
  });

  test('sends the candles that overlap the range, the open one as its opening tick', async () => {
    await open('2023-05-21T22:30:00Z');
    const { text } = await info(snapshot({ ...CAPTURED, startTime: FIRST + HOUR }));
    const candles = JSON.parse(text) as { t: number; o: string; c: string; v: string | null }[];
    expect(candles.map(({ t }) => t)).toEqual([FIRST + HOUR, FIRST + 2 * HOUR]);
    expect(candles.at(-1)).toMatchObject({ o: '0.001591', c: '0.001591', v: null, n: null });
  });

  test('names its coins, tells the time in the Date header, and serves only one dex at a time', async () => {
    await open('2023-05-21T22:30:00Z');
    const meta = await info({ type: 'meta' });
    expect(JSON.parse(meta.text)).toMatchObject({ universe: [{ name: 'kPEPE' }] });
    expect(meta.headers.get('date')).toBe('Sun, 21 May 2023 22:30:00 GMT');
    expect(JSON.parse((await info({ type: 'meta', dex: 'xyz' })).text)).toMatchObject({
      universe: [],
    });
    expect((await info({ type: 'exchangeStatus' })).text).toBe(
      '{"time":1684708200000,"specialStatuses":null}',
    );
  });

  test('has the newest 5000 candles of a series and no others', async () => {
    await open('2023-06-30T00:00:00Z', { directory: synthesise(6_000) });
    const { text } = await info(snapshot({ coin: 'TEST', interval: '1m', startTime: 0 }));
    const candles = JSON.parse(text) as { t: number }[];
    expect([candles.length, candles[0]?.t]).toEqual([5_000, FIRST + 1_000 * 60_000]);
    const older = { coin: 'TEST', interval: '1m', startTime: 0, endTime: FIRST + 60_000 };
    expect((await info(snapshot(older))).text).toBe('[]');
  });

  test('sends at most 500 payments, the oldest of what was asked', async () => {
    await open('2023-06-30T00:00:00Z', { directory: synthesise(600) });
    const { text } = await info({ type: 'fundingHistory', coin: 'TEST', startTime: FIRST + HOUR });
    const payments = JSON.parse(text) as { time: number }[];
    expect([payments.length, payments[0]]).toEqual([
      500,
      { coin: 'TEST', fundingRate: '0.00001', premium: '-0.1', time: FIRST + HOUR + 7 },
    ]);
  });

  test.each([
    ['an unknown type', { type: 'nothing' }],
    ['an interval it does not have', snapshot({ ...CAPTURED, interval: '6h' })],
    ['a time that is none', snapshot({ ...CAPTURED, startTime: 'now' })],
    ['no object', 'candleSnapshot'],
  ])('refuses %s with 422 and plain text', async (_name, body) => {
    await open('2023-07-01T00:00:00Z');
    const answer = await info(body);
    expect([answer.status, answer.headers.get('content-type'), answer.text]).toEqual([
      422,
      'text/plain; charset=utf-8',
      'Failed to deserialize the JSON body into the target type',
    ]);
  });

  test('answers an unknown coin with 500 and null', async () => {
    await open('2023-07-01T00:00:00Z');
    const answer = await info(snapshot({ ...CAPTURED, coin: 'NOPE' }));
    expect([answer.status, answer.text]).toEqual([500, 'null']);
  });

  test('weighs 20 and 1 for each 60 candles against the minute, and refuses beyond', async () => {
    await open('2023-06-30T00:00:00Z', { directory: synthesise(600) });
    const page = snapshot({ coin: 'TEST', interval: '1m', startTime: 0 });
    const statuses: number[] = [];
    // 30 each: the 40th brings the sum to 1200.
    for (let n = 0; n < 41; n += 1) statuses.push((await info(page)).status);
    expect(statuses).toEqual([...Array.from({ length: 40 }, () => 200), 429]);
    subject?.wallClock.set(epochMs(subject.wallClock.now() + 30_000));
    expect((await info(page)).status).toBe(200);
  });
});
