import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { CandleStream } from '../../tests/support/candle-stream.ts';
import { readNative } from '../../tests/support/binary-reader.ts';
import { recordLogger, type RecordedLogger } from '../../tests/support/recorded-logger.ts';
import { GroupWriter, type GroupWriterOptions } from './group-writer.ts';

const PRODUCER = {
  featureSet: 'core',
  featureSetVersion: 1,
  featureSetHash: 'ab',
  ruleSet: 'trend',
  ruleSetVersion: 1,
  modelVersion: '',
};
const CHANGES = new CandleStream(20).changes;

/** An insert that ClickHouse has been asked for and not answered. */
interface Asked {
  readonly table: string;
  readonly body: Buffer;
  answer(): void;
  refuse(reason: string): void;
}

let asked: Asked[];
let log: RecordedLogger;
let writer: GroupWriter;
/** Decides at once, where a test does not want to; null leaves the answer to the test. */
let reply: ((table: string) => string | null) | null;

beforeEach(() => {
  asked = [];
  log = recordLogger();
  reply = () => null;
  const client: GroupWriterOptions['client'] = {
    exec: async (params) => {
      const values = 'values' in params ? params.values : Readable.from([]);
      const chunks: Buffer[] = [];
      for await (const chunk of values) chunks.push(Buffer.from(chunk as Uint8Array));
      const table = /insert into (\w+) /.exec(params.query)?.[1] ?? '';
      const settled = Promise.withResolvers<void>();
      asked.push({
        table,
        body: Buffer.concat(chunks),
        answer: () => settled.resolve(),
        refuse: (reason) => settled.reject(new Error(reason)),
      });
      if (reply !== null) {
        const reason = reply(table);
        if (reason === null) settled.resolve();
        else settled.reject(new Error(reason));
      }
      await settled.promise;
      return { stream: Readable.from([]), query_id: '', response_headers: {} };
    },
  };
  writer = new GroupWriter({
    client,
    producer: PRODUCER,
    logger: log.logger,
    rowsEnough: 10,
    retryMsFirst: 1,
  });
});

function add(...changes: readonly CandleChange[]): void {
  for (const change of changes) writer.rows.addChange(change);
}

function derive(change: CandleChange): void {
  const { series, openTime, version } = change;
  writer.rows.addDerived(series, {
    openTime,
    candleVersion: version,
    version,
    evaluation: null,
    candle: null,
    before: null,
  });
}

/** What became of a promise so far. */
function watch(promise: Promise<void>): { state: string } {
  const watched = { state: 'open' };
  promise.then(
    () => (watched.state = 'done'),
    (error: unknown) => (watched.state = String(error)),
  );
  return watched;
}

/** Everything that follows from what was settled has happened by then. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const tables = (): string[] => asked.map(({ table }) => table).sort();

describe('a batch', () => {
  test('is one insert for each table that has rows', async () => {
    add(CHANGES[0]!);
    await writer.flush();
    expect(tables()).toEqual(['candle_revisions', 'candles']);
    asked.length = 0;
    derive(CHANGES[1]!);
    await writer.flush();
    expect(tables()).toEqual(['features', 'signals']);
  });

  test('settles only when every table is written', async () => {
    reply = null;
    add(CHANGES[0]!);
    const flushed = watch(writer.flush());
    await expect.poll(() => asked.length).toBe(2);
    asked[0]?.answer();
    await nextTurn();
    expect(flushed.state).toBe('open');
    asked[1]?.answer();
    await expect.poll(() => flushed.state).toBe('done');
  });

  test('is shared by all who flush in the same turn', async () => {
    const flushes = CHANGES.slice(0, 5).map((change) => {
      add(change);
      return writer.flush();
    });
    await Promise.all(flushes);
    expect(tables()).toEqual(['candle_revisions', 'candles']);
  });

  test('whose callers have time waits until it is worth it', async () => {
    reply = null;
    const early = CHANGES.slice(0, 9).map((change) => {
      add(change);
      return watch(writer.flush({ hasTime: true }));
    });
    await new Promise(setImmediate);
    expect([asked.length, early[0]?.state]).toEqual([0, 'open']);
    add(CHANGES[9]!);
    const last = watch(writer.flush({ hasTime: true }));
    await expect.poll(() => asked.length).toBe(2);
    for (const insert of asked) insert.answer();
    await expect.poll(() => last.state).toBe('done');
    expect(early.every(({ state }) => state === 'done')).toBe(true);
  });

  test('goes out at once when one caller has no time, and after a while when nobody comes', async () => {
    add(CHANGES[0]!);
    const patient = writer.flush({ hasTime: true });
    add(CHANGES[1]!);
    await writer.flush();
    await patient;
    expect(tables()).toEqual(['candle_revisions', 'candles']);
    add(CHANGES[2]!);
    await writer.flush({ hasTime: true });
    expect(tables()).toHaveLength(4);
  });

  test('grows while the one before is written, and goes out when that is done', async () => {
    reply = null;
    add(CHANGES[0]!);
    const first = watch(writer.flush());
    await expect.poll(() => asked.length).toBe(2);
    const rowsIn = (inserts: readonly Asked[]): number =>
      readNative(inserts.find(({ table }) => table === 'candles')!.body).rows.length;
    expect(rowsIn(asked)).toBe(1);
    const later = CHANGES.slice(1, 4).map((change) => {
      add(change);
      return watch(writer.flush());
    });
    expect(asked).toHaveLength(2);
    for (const insert of asked) insert.answer();
    await expect.poll(() => asked.length).toBe(4);
    expect(first.state).toBe('done');
    expect(later.map(({ state }) => state)).toEqual(['open', 'open', 'open']);
    expect(rowsIn(asked.slice(2))).toBe(3);
    for (const insert of asked) insert.answer();
    await expect.poll(() => later.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
  });

  test('without rows asks nothing and settles', async () => {
    await writer.flush();
    expect(asked).toEqual([]);
  });
});

describe('a batch that fails', () => {
  test('is sent again, whole, and then settles', async () => {
    let refusals = 2;
    reply = (table) => (table === 'candles' && refusals-- > 0 ? 'too many parts' : null);
    add(CHANGES[0]!);
    await writer.flush();
    expect(tables().filter((table) => table === 'candles')).toHaveLength(3);
    expect(tables().filter((table) => table === 'candle_revisions')).toHaveLength(3);
    const bodies = new Set(asked.map(({ table, body }) => `${table} ${body.toString('hex')}`));
    expect(bodies.size).toBe(2);
    expect(log.lines).toMatchObject([
      { level: 'warn', msg: 'insert failed; trying again', attempt: 1, err: 'too many parts' },
      { level: 'warn', attempt: 2 },
    ]);
  });

  test('is not sent again while one of its inserts is still on its way', async () => {
    reply = null;
    add(CHANGES[0]!);
    const flushed = watch(writer.flush());
    await expect.poll(() => asked.length).toBe(2);
    asked[0]?.refuse('no');
    await nextTurn();
    expect(log.lines).toEqual([]);
    asked[1]?.answer();
    await expect.poll(() => asked.length).toBe(4);
    for (const insert of asked) insert.answer();
    await expect.poll(() => flushed.state).toBe('done');
  });

  test('is given up after six attempts, and then nothing is written any more', async () => {
    reply = () => 'no disk';
    add(CHANGES[0]!);
    await expect(writer.flush()).rejects.toMatchObject({
      code: 'WICK_ANALYZER_SINK_FAILED',
      retryable: true,
      message: expect.stringMatching(/refused a batch 6 times; .*: no disk/),
    });
    expect(tables().filter((table) => table === 'candles')).toHaveLength(6);
    reply = () => null;
    add(CHANGES[1]!);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'WICK_ANALYZER_SINK_FAILED' });
    await expect(writer.room(1)).rejects.toMatchObject({ code: 'WICK_ANALYZER_SINK_FAILED' });
    expect(tables().filter((table) => table === 'candles')).toHaveLength(6);
  });

  test('fails those too who wait for the next one: it may have held their rows', async () => {
    reply = null;
    add(CHANGES[0]!);
    const first = watch(writer.flush());
    await expect.poll(() => asked.length).toBe(2);
    add(CHANGES[1]!);
    const second = watch(writer.flush());
    reply = () => 'gone';
    for (const insert of asked) insert.refuse('gone');
    await expect.poll(() => second.state).toMatch(/refused a batch 6 times/);
    expect(first.state).toMatch(/refused a batch 6 times/);
  });
});

describe('room', () => {
  test('is there while fewer rows wait', async () => {
    add(...CHANGES.slice(0, 3));
    await expect(writer.room(4)).resolves.toBeUndefined();
  });

  test('is waited for until the rows at hand are taken', async () => {
    reply = null;
    add(...CHANGES.slice(0, 4));
    const room = watch(writer.room(4));
    const flushed = watch(writer.flush());
    await expect.poll(() => room.state).toBe('done');
    expect(flushed.state).toBe('open');
    await expect.poll(() => asked.length).toBe(2);
    for (const insert of asked) insert.answer();
    await expect.poll(() => flushed.state).toBe('done');
  });

  test('never comes after a failure: who waits is told', async () => {
    reply = null;
    add(CHANGES[0]!);
    const first = watch(writer.flush());
    await expect.poll(() => asked.length).toBe(2);
    add(...CHANGES.slice(1, 5));
    const room = watch(writer.room(2));
    reply = () => 'gone';
    for (const insert of asked) insert.refuse('gone');
    await expect.poll(() => room.state).toMatch(/refused a batch/);
    expect(first.state).toMatch(/refused a batch/);
  });
});

describe('waypoints', () => {
  const waypoint = { boundary: 0, version: 1n, text: 'null' };

  test('behind which rows were written again are durable before those rows are asked for', async () => {
    reply = null;
    add(CHANGES[0]!);
    writer.rows.addWaypoint('a|perp|B/C|1m', waypoint, { offset: '7', isFoldedAgain: true });
    const flushed = watch(writer.flush());
    await expect.poll(() => tables()).toEqual(['waypoints']);
    asked[0]!.answer();
    await expect.poll(() => tables()).toEqual(['candle_revisions', 'candles', 'waypoints']);
    for (const insert of asked) insert.answer();
    await expect.poll(() => flushed.state).toBe('done');
  });

  test('of the ordinary course go with the others', async () => {
    reply = null;
    add(CHANGES[0]!);
    writer.rows.addWaypoint('a|perp|B/C|1m', waypoint, { offset: '7', isFoldedAgain: false });
    const flushed = watch(writer.flush());
    await expect.poll(() => asked.length).toBe(3);
    for (const insert of asked) insert.answer();
    await expect.poll(() => flushed.state).toBe('done');
  });
});
