import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestVenue, type TestVenue, type WireAnswer } from '../test-venue.ts';

/** `GET /api/v3/klines` of LTCBTC 1h, captured on 2021-03-24 (dvcrn/binance.ex @ fa9e9bda8bfc, MIT). */
const CAPTURED =
  '[[1616025600000,"0.00349600","0.00350000","0.00346900","0.00349500","10438.37000000",' +
  '1616029199999,"36.31825436",2338,"4847.44000000","16.87297134","0"],' +
  '[1616029200000,"0.00349600","0.00349700","0.00347400","0.00347900","5635.90000000",' +
  '1616032799999,"19.65151327",1372,"2796.91000000","9.75640680","0"]]';

describe('Binance spot as recorded', () => {
  let subject: TestVenue;
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wick-spot-'));
    mkdirSync(join(folder, 'binance-spot'));
    const header =
      'timestamp_ms,open,high,low,close,volume,quote_volume,trades,taker_buy_base,taker_buy_quote';
    const rows = (JSON.parse(CAPTURED) as (string | number)[][]).map((row) =>
      [...row.slice(0, 6), ...row.slice(7, 11)].join(','),
    );
    writeFileSync(join(folder, 'binance-spot', 'LTCBTC-1h.csv'), [header, ...rows].join('\n'));
    subject = await openTestVenue('2021-03-24T13:38:44Z', { directory: folder });
  });
  afterAll(async () => {
    await subject.close();
    rmSync(folder, { recursive: true });
  });

  const ask = async (path: string): Promise<WireAnswer> => subject.ask('binance-spot', path);
  const used = ({ headers }: WireAnswer): number => Number(headers.get('x-mbx-used-weight-1m'));

  test('answers klines character for character as the real one was captured', async () => {
    const answer = await ask('/api/v3/klines?symbol=LTCBTC&interval=1h');
    expect([answer.status, answer.text]).toEqual([200, CAPTURED]);
  });

  test('weighs a klines request 2 whatever its limit and exchangeInfo 20', async () => {
    const before = used(await ask('/api/v3/time'));
    const klines = await ask('/api/v3/klines?symbol=LTCBTC&interval=1h&limit=1000');
    const info = await ask('/api/v3/exchangeInfo');
    expect([used(klines) - before, used(info) - used(klines)]).toEqual([2, 20]);
    expect(JSON.parse(info.text)).toMatchObject({
      rateLimits: [{ rateLimitType: 'REQUEST_WEIGHT', limit: 6_000 }],
      symbols: [{ symbol: 'LTCBTC', status: 'TRADING', baseAsset: 'LTC', quoteAsset: 'BTC' }],
    });
  });

  test('serves a limit beyond 1000 as 1000, and knows an interval that was not recorded', async () => {
    expect((await ask('/api/v3/klines?symbol=LTCBTC&interval=1h&limit=5000')).text).toBe(CAPTURED);
    expect((await ask('/api/v3/klines?symbol=LTCBTC&interval=1s')).text).toBe('[]');
  });

  test.each([
    ['symbol=LTCBTC&interval=1', '{"code":-1120,"msg":"Invalid interval."}'],
    ['symbol=IDONTEXIST&interval=1h', '{"code":-1121,"msg":"Invalid symbol."}'],
  ])('refuses klines?%s with the captured body', async (query, body) => {
    const answer = await ask(`/api/v3/klines?${query}`);
    expect([answer.status, answer.text]).toEqual([400, body]);
  });

  test('pays no funding', async () => {
    expect((await ask('/api/v3/fundingRate?symbol=LTCBTC')).status).toBe(404);
  });
});

describe('funding of Binance futures as recorded', () => {
  let subject: TestVenue;
  beforeAll(async () => {
    subject = await openTestVenue('2025-03-07T08:00:01Z');
  });
  afterAll(async () => subject.close());

  const funding = async (query: string): Promise<WireAnswer> =>
    subject.ask('binance-futures', `/fapi/v1/fundingRate?${query}`);

  test('comes in ascending order, with an empty mark price, up to now', async () => {
    const answer = await funding('symbol=BTCUSDT');
    expect(answer.text).toBe(
      '[{"symbol":"BTCUSDT","fundingTime":1741276800000,"fundingRate":"0.00006818","markPrice":""},' +
        '{"symbol":"BTCUSDT","fundingTime":1741305600000,"fundingRate":"-0.00000612","markPrice":""},' +
        '{"symbol":"BTCUSDT","fundingTime":1741334400001,"fundingRate":"-0.00001539","markPrice":""}]',
    );
    expect(answer.headers.get('x-mbx-used-weight-1m')).toBeNull();
  });

  test('keeps to start, end and limit', async () => {
    const times = async (query: string): Promise<number[]> =>
      (
        JSON.parse((await funding(`symbol=BTCUSDT&${query}`)).text) as { fundingTime: number }[]
      ).map(({ fundingTime }) => fundingTime);
    expect(await times('limit=1')).toEqual([1_741_334_400_001]);
    expect(await times('startTime=1741276800001&limit=1')).toEqual([1_741_305_600_000]);
    expect(await times('startTime=0&endTime=1741305600000')).toEqual([
      1_741_276_800_000, 1_741_305_600_000,
    ]);
    expect((await funding('symbol=BTCUSDT&limit=1001')).status).toBe(400);
    expect((await funding('symbol=ETHUSDT')).text).toBe('[]');
  });
});
