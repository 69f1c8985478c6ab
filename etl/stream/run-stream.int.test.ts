/** What a stream stores, asks and records, frame by frame. The clock is stepped. */
import { describe, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import { TEST_SERIES } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import {
  at,
  candle,
  until,
  useScriptedStream,
  type StoredRow,
} from '../../tests/support/scripted-stream.ts';

const database = usePostgres();
const stream = useScriptedStream(database);

async function storedLike(expected: readonly Partial<StoredRow>[]): Promise<void> {
  const fits = async (): Promise<boolean> => {
    const rows = await stream.stored();
    return (
      rows.length === expected.length &&
      rows.every((row, index) =>
        Object.entries(expected[index] ?? {}).every(
          ([key, value]) => Reflect.get(row, key) === value,
        ),
      )
    );
  };
  await until(`rows like ${JSON.stringify(expected)}`, fits).catch(async (error: unknown) => {
    expect(await stream.stored(), String(error)).toMatchObject(expected);
  });
}

async function findings(): Promise<{ verdict: string; streamed: unknown; answered: unknown }[]> {
  const { rows } = await database.pool.query<{
    verdict: string;
    streamed: unknown;
    answered: unknown;
  }>('select verdict, streamed, answered from market.stream_checks order by open_time');
  return rows;
}

describe('a candle that is told as closed', () => {
  test('is stored at once with its frame, and stays as it is when the venue says the same', async () => {
    stream.clock.set(at(1));
    stream.truth.set(at(0), candle(0));
    stream.tellCandle(candle(0));
    await storedLike([{ minute: 0, source: 'ws', is_closed: true, revision: 0 }]);
    const { rows } = await database.pool.query<{ url: string }>(
      'select r.url from market.candles c join market.raw_payloads r on r.id = c.raw_id',
    );
    expect(rows[0]?.url).toMatch(/^ws:/);
    const { rows: runs } = await database.pool.query<{ watermark: null }>(
      `select watermark from market.ingest_runs where job = 'stream'`,
    );
    expect(runs, 'what lies before it was never asked for').toEqual([{ watermark: null }]);

    stream.clock.set(at(1, 3_000));
    await until('the answer', async () => {
      const { rowCount } = await database.pool.query(
        `select from market.ingest_runs where job = 'stream-check' and unchanged = 1`,
      );
      return rowCount === 1;
    });
    await storedLike([{ minute: 0, source: 'ws', revision: 0 }]);
    expect(await findings()).toEqual([]);
  });

  test('gives way to the venue where it answers otherwise, and that is on record', async () => {
    stream.clock.set(at(1));
    stream.truth.set(at(0), candle(0, { close: decimal('104') }));
    stream.tellCandle(candle(0, { close: decimal('103') }));
    await storedLike([{ minute: 0, close: '103.000000000000000000' }]);
    stream.clock.set(at(1, 3_000));
    await storedLike([{ minute: 0, close: '104.000000000000000000', source: 'rest', revision: 1 }]);
    await until('a finding', async () => (await findings()).length === 1);
    expect(await findings()).toMatchObject([
      { verdict: 'differs', streamed: { close: '103' }, answered: { close: '104' } },
    ]);
  });

  test('is on record as absent when the venue has what follows and not it', async () => {
    stream.clock.set(at(1));
    stream.tellCandle(candle(0));
    stream.clock.set(at(2));
    stream.tellCandle(candle(1));
    stream.truth.set(at(1), candle(1));
    await storedLike([{ minute: 0 }, { minute: 1 }]);
    stream.clock.set(at(2, 3_000));
    await until('a finding', async () => (await findings()).length === 1);
    expect(await findings()).toMatchObject([{ verdict: 'absent_at_venue', answered: null }]);
  });

  test('is on record as absent when the venue never has it', async () => {
    stream.clock.set(at(1));
    stream.tellCandle(candle(0));
    await storedLike([{ minute: 0 }]);
    for (let seconds = 3; (await findings()).length === 0; seconds += 10) {
      expect(seconds).toBeLessThan(600);
      stream.clock.set(at(1, seconds * 1_000));
      await database.pool.query('select pg_sleep(0.05)');
    }
    expect(await findings()).toMatchObject([{ verdict: 'absent_at_venue', answered: null }]);
    await storedLike([{ minute: 0 }]);
  });
});

test('history that the venue answers counts, though the running candle came first', async () => {
  stream.clock.set(at(3, 1_000));
  for (const minute of [0, 1, 2]) stream.truth.set(at(minute), candle(minute));
  stream.tellCandle(candle(3, { isClosed: false }));
  await storedLike([{ minute: 0 }, { minute: 1 }, { minute: 2 }, { minute: 3, is_closed: false }]);
  await until('the anchor to be moved', async () => {
    const { rows } = await database.pool.query<{ anchor: number }>(
      'select anchor from market.anchors',
    );
    return rows.length === 1 && rows[0]?.anchor === at(0);
  });
});

describe('while a candle runs', () => {
  test('it is stored open, once a second at most, and never as a revision', async () => {
    stream.tellCandle(candle(0, { isClosed: false, close: decimal('101') }));
    await storedLike([{ close: '101.000000000000000000', is_closed: false }]);
    stream.tellCandle(candle(0, { isClosed: false, close: decimal('102') }));
    stream.clock.set(at(0, 3_000));
    stream.tellCandle(candle(0, { isClosed: false, close: decimal('103') }));
    await storedLike([{ close: '103.000000000000000000', is_closed: false, revision: 0 }]);
  });

  test('what it could not have become is on record', async () => {
    stream.truth.set(at(0), candle(0, { high: decimal('106') }));
    stream.tellCandle(candle(0, { isClosed: false, high: decimal('107') }));
    await storedLike([{ is_closed: false }]);
    stream.clock.set(at(1, 3_000));
    await until('a finding', async () => (await findings()).length === 1);
    expect(await findings()).toMatchObject([
      { verdict: 'differs', streamed: { high: '107' }, answered: { high: '106' } },
    ]);
  });

  test('a venue that calls none closed is asked, and its answer closes it', async () => {
    stream.truth.set(at(0), candle(0, { high: decimal('111'), volume: decimal('20') }));
    stream.tellCandle(candle(0, { isClosed: false }));
    await storedLike([{ is_closed: false }]);
    stream.clock.set(at(1, 3_000));
    await storedLike([{ is_closed: true, revision: 0 }]);
    expect(await findings()).toEqual([]);
  });
});

describe('what a lost connection did not tell', () => {
  test('is asked for as soon as it stands again', async () => {
    stream.clock.set(at(1));
    for (const minute of [0, 1, 2, 3]) stream.truth.set(at(minute), candle(minute));
    stream.tellCandle(candle(0));
    await storedLike([{ minute: 0 }]);
    stream.cut();
    stream.clock.set(at(4, 3_000));
    await stream.connected(2);
    await storedLike([0, 1, 2, 3].map((minute) => ({ minute, is_closed: true })));
    expect(await findings(), 'nobody was there to be told').toEqual([]);
  });

  test('counts as lost when numbers of frames are missing', async () => {
    stream.tell({ kind: 'sequence', number: 7 });
    stream.tell({ kind: 'sequence', number: 9 });
    await stream.connected(2);
    expect(stream.lost).toEqual(['1 frames are missing before number 9']);
  });
});

test('an open connection that tells nothing costs no candle, is on record and is given up', async () => {
  for (const minute of [0, 1, 2, 3, 4]) stream.truth.set(at(minute), candle(minute));
  stream.clock.set(at(2, 3_000));
  await storedLike([{ minute: 0 }, { minute: 1 }]);
  await until('findings', async () => (await findings()).length === 1);
  // The first candle had begun before the connection stood.
  expect(await findings()).toMatchObject([{ verdict: 'not_streamed', streamed: null }]);
  stream.clock.set(at(5, 3_000));
  await stream.connected(2);
  expect(stream.lost).toEqual(['nothing told of binance-futures|perp|BTC/USDT|1m for 180000 ms']);
  await storedLike([0, 1, 2, 3, 4].map((minute) => ({ minute })));
});

test('a frame that makes no sense is kept in quarantine, word for word', async () => {
  stream.clock.set(at(1));
  stream.tellCandle(candle(0, { low: decimal('120') }));
  stream.tell({
    kind: 'reject',
    series: TEST_SERIES,
    finding: { ok: false, reason: 'malformed_row', detail: 'not a kline event' },
    frame: '{"e":"kline"}',
  });
  await until('both', async () => {
    const { rowCount } = await database.pool.query('select from market.quarantine');
    return rowCount === 2;
  });
  const { rows } = await database.pool.query<{ reason: string; raw_row: string; raw_id: string }>(
    'select reason, raw_row, raw_id from market.quarantine order by id',
  );
  expect(rows.map(({ reason }) => reason)).toEqual(['ohlc_order', 'malformed_row']);
  expect(rows[0]?.raw_row).toContain('"low":"120"');
  expect(rows.every(({ raw_id }) => raw_id !== null)).toBe(true);
  expect(await stream.stored()).toEqual([]);
});

test('a venue that refuses the subscription ends the stream with its words', async () => {
  stream.tell({ kind: 'refused', reason: 'no such stream' });
  await expect(stream.running).rejects.toMatchObject({
    code: 'WICK_ETL_STREAM_FAILED',
    message: expect.stringContaining('no such stream'),
  });
});
