import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { openTestVenue, type TestVenue, type WireAnswer } from '../test-venue.ts';

let subject: TestVenue;
beforeEach(async () => {
  subject = await openTestVenue('2018-04-04T12:00:30Z');
});
afterEach(async () => subject.close());

const ask = async (path: string): Promise<WireAnswer> => subject.ask('coinbase', path);
const candles = async (query: string): Promise<WireAnswer> =>
  ask(`/products/BTC-USD/candles?${query}`);

function timesOf({ text }: WireAnswer): number[] {
  return (JSON.parse(text) as number[][]).map(([time = 0]) => time);
}

describe('Coinbase as recorded', () => {
  test('tells the time and the products, without what was not recorded', async () => {
    expect((await ask('/time')).text).toBe('{"iso":"2018-04-04T12:00:30.000Z","epoch":1522843230}');
    expect(JSON.parse((await ask('/products')).text)).toMatchObject([
      { id: 'BTC-USD', base_currency: 'BTC', quote_currency: 'USD', status: 'online' },
      { id: 'LTC-USD', trading_disabled: false },
    ]);
    expect(JSON.parse((await ask('/products/LTC-USD')).text)).toMatchObject({ id: 'LTC-USD' });
  });

  test('sends candles newest first as [time, low, high, open, close, volume], digit for digit', async () => {
    const range = 'start=2018-04-04T00:00:00Z&end=2018-04-04T00:01:00Z';
    expect((await candles(`granularity=60&${range}`)).text).toBe(
      '[[1522800060,7405,7422,7420,7405,13.35069752],[1522800000,7422,7424.91,7424.91,7422,7.14319709]]',
    );
    expect((await candles(`granularity=300&start=1522800000&end=1522800000`)).text).toBe(
      '[[1522800000,7390,7424.91,7424.91,7405,73.95449355]]',
    );
  });

  test('shows of the open candle its opening tick', async () => {
    const range = 'start=2018-04-04T12:00:00Z&end=2018-04-04T13:00:00Z';
    const [row] = JSON.parse((await candles(`granularity=60&${range}`)).text) as [unknown[]];
    expect(row).toEqual([1_522_843_200, ...Array.from({ length: 4 }, () => row[1]), null]);
    subject.clock.set(epochMs(1_522_843_260_000));
    const closed = JSON.parse((await candles(`granularity=60&${range}`)).text) as unknown[][];
    expect(closed.at(-1)).not.toEqual(row);
  });

  test('sends 301 rows, both ends inclusive, and refuses a longer range with the known words', async () => {
    const longest = await candles('granularity=60&start=1522800000&end=1522818000');
    expect([longest.status, timesOf(longest).length]).toEqual([200, 301]);
    const longer = await candles('granularity=60&start=1522800000&end=1522818060');
    expect([longer.status, longer.text]).toEqual([
      400,
      '{"message":"granularity too small for the requested time range. Count of aggregations requested exceeds 300"}',
    ]);
  });

  test('has no row for a minute without trades', async () => {
    subject.clock.set(epochMs(1_523_000_000_000));
    const asked = 'granularity=60&start=1522860300&end=1522860900';
    expect(timesOf(await candles(asked)).length).toBeLessThan(11);
    expect((await candles(asked)).text).not.toContain('null');
  });

  test('sends the newest 300 intervals where one end is missing, and ignores the other', async () => {
    const times = timesOf(await candles('granularity=60&start=1522800000'));
    expect([times[0], times.length]).toEqual([1_522_843_200, 300]);
  });

  test.each([
    ['/products/NO-PE/candles?granularity=60', 404, 'NotFound'],
    ['/products/NO-PE', 404, 'NotFound'],
    ['/products/BTC-USD/candles?granularity=180', 400, 'Unsupported granularity'],
    ['/products/BTC-USD/candles?start=now&end=1522800000', 400, 'Invalid start'],
    ['/products/BTC-USD/candles?start=1522800000&end=later', 400, 'Invalid end'],
  ])('refuses %s', async (path, status, message) => {
    const answer = await ask(path);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([status, { message }]);
  });

  test('lets a burst of 15 pass, then refuses, then 10 in each second', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 16; n += 1) statuses.push((await ask('/time')).status);
    expect(statuses).toEqual([...Array.from({ length: 15 }, () => 200), 429]);
    subject.wallClock.set(epochMs(subject.wallClock.now() + 200));
    expect(await ask('/time')).toMatchObject({ status: 200 });
    expect(await ask('/time')).toMatchObject({ status: 200 });
    const refused = await ask('/time');
    expect([refused.status, refused.text]).toEqual([
      429,
      '{"message":"Public rate limit exceeded"}',
    ]);
  });
});

test('the limit can be switched off', async () => {
  const free = await openTestVenue('2018-04-05T00:00:00Z', { requestLimit: Infinity });
  try {
    for (let n = 0; n < 40; n += 1) {
      expect((await free.ask('coinbase', '/time')).status).toBe(200);
    }
  } finally {
    await free.close();
  }
});
