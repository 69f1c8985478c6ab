/** The watchdog by a stepped clock: what it tells, how often, and what it restarts. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { beforeEach, describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createMetrics } from '#platform/metrics.ts';
import { recordLogger, type RecordedLogger } from '../../tests/support/recorded-logger.ts';
import type { KnownSource, KnownSources } from './known-sources.ts';
import type { Look, Source } from './look.ts';
import { createWatchMetrics } from './metrics.ts';
import { Watchdog } from './watchdog.ts';

const LineCheck = Compile(Type.Object({ level: Type.String(), msg: Type.String() }));
const SOURCE: Source = { systemIdentifier: '7', timeline: 1, lsn: 1_000n };
const GOOD: Look = {
  postgres: {
    source: SOURCE,
    slot: {
      active: true,
      confirmedLsn: 900n,
      lost: null,
      retainedBytes: 100,
      lagBytes: 100,
      safeBytes: null,
    },
  },
  connect: {
    connector: { connector: 'RUNNING', tasks: ['RUNNING'], failure: null },
    stored: { lsn: 950n, isSnapshot: false, isCommitted: true },
  },
};
const FAILED: Look = {
  ...GOOD,
  connect: {
    connector: { connector: 'RUNNING', tasks: ['FAILED'], failure: 'it broke' },
    stored: { lsn: 950n, isSnapshot: false, isCommitted: true },
  },
};

let now = Date.UTC(2026, 0, 1);
let seen: Look = GOOD;
let restarts: number[] = [];
let kept: KnownSource[] = [];
let known: KnownSource | null = null;
let isStoreAway = false;
let logged: RecordedLogger;
let metrics: ReturnType<typeof createMetrics>;
let watchdog: Watchdog;

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  [seen, restarts, kept, known, isStoreAway] = [GOOD, [], [], null, false];
  logged = recordLogger();
  metrics = createMetrics('test');
  const sources: KnownSources = {
    read: () => (isStoreAway ? Promise.reject(new Error('away')) : Promise.resolve(known)),
    keep: (source) => {
      known = source;
      kept.push(source);
      return Promise.resolve();
    },
  };
  watchdog = new Watchdog({
    look: () => Promise.resolve(seen),
    restart: () => {
      restarts.push(now);
      return Promise.resolve();
    },
    known: sources,
    clock: { now: () => epochMs(now) },
    logger: logged.logger,
    metrics: createWatchMetrics(metrics),
  });
});

function messages(level: string): unknown[] {
  return logged.lines.flatMap((line) =>
    LineCheck.Check(line) && line.level === level ? [line.msg] : [],
  );
}

async function standing(afterMs = 0): Promise<string[]> {
  now += afterMs;
  return (await watchdog.look()).map(({ kind }) => kind);
}

const gone: Look = { ...GOOD, postgres: { source: SOURCE, slot: null } };
const idle: Look = {
  ...GOOD,
  postgres: { source: SOURCE, slot: { ...GOOD.postgres!.slot!, active: false } },
};

describe('an alarm', () => {
  test('is told once, again after ten minutes, and its end is told', async () => {
    seen = idle;
    expect(await standing()).toEqual([]);
    expect(await standing(30_000)).toEqual(['slot_idle']);
    expect(await standing(5_000)).toEqual(['slot_idle']);
    expect(messages('error')).toHaveLength(1);
    await standing(600_000);
    expect(messages('error')).toHaveLength(2);
    seen = GOOD;
    expect(await standing(5_000)).toEqual([]);
    expect(messages('info')).toEqual(['the alarm is over']);
  });

  test('is a gauge of its kind', async () => {
    const gauge = async (): Promise<string> =>
      (await metrics.registry.metrics()).match(/wick_watch_alarm\{kind="slot_missing".*/)?.[0] ??
      '';
    await standing();
    expect(await gauge()).toMatch(/ 0$/);
    seen = gone;
    await standing(5_000);
    await standing(5_000);
    expect(await gauge()).toMatch(/ 1$/);
  });

  test('that passes within its grace is never told', async () => {
    seen = { ...GOOD, connect: null };
    await standing();
    await standing(20_000);
    seen = GOOD;
    await standing(5_000);
    seen = { ...GOOD, connect: null };
    await standing(20_000);
    expect(messages('error')).toEqual([]);
    expect(await standing(30_000)).toEqual(['connect_silent']);
  });
});

describe('a loss', () => {
  beforeEach(async () => {
    await standing();
    seen = gone;
    await standing(5_000);
    expect(await standing(5_000)).toEqual(['slot_missing']);
    seen = GOOD;
  });

  test('stands when nothing is to be seen of it any more', async () => {
    for (let looks = 0; looks < 3; looks += 1) {
      expect(await standing(5_000)).toEqual(['changes_lost']);
    }
  });

  test('is written down, for the next who watches', () => {
    expect(known).toMatchObject({ lostAt: now });
  });

  test('ends when all rows were sent once more, not by an earlier time that they were', async () => {
    known = { ...known!, recoveredAt: now - 1 };
    expect(await standing(5_000)).toEqual(['changes_lost']);
    known = { ...known, recoveredAt: now };
    expect(await standing(5_000)).toEqual([]);
  });

  test('is not taken back by writing down how far the WAL is', async () => {
    await standing(120_000);
    expect(known).toMatchObject({ lostAt: now - 120_000 });
  });
});

describe('a failed task', () => {
  test('is restarted at once, then ever more seldom, but at least each five minutes', async () => {
    seen = FAILED;
    for (let looks = 0; looks < 400; looks += 1) await standing(5_000);
    const waits = restarts.slice(1).map((at, index) => (at - restarts[index]!) / 1_000);
    expect(waits.slice(0, 7)).toEqual([5, 10, 20, 40, 80, 160, 300]);
    expect(Math.max(...waits)).toBe(300);
  });

  test('that comes back at once is no alarm', async () => {
    seen = FAILED;
    await standing();
    seen = GOOD;
    for (let looks = 0; looks < 20; looks += 1) expect(await standing(5_000)).toEqual([]);
    expect(restarts).toHaveLength(1);
  });

  test('that comes back again and again is an alarm until it stays up', async () => {
    for (let round = 0; round < 3; round += 1) {
      seen = FAILED;
      await standing(20_000);
      seen = GOOD;
      await standing(5_000);
    }
    expect(await standing(5_000)).toEqual(['connector_failed']);
    expect(await standing(60_000)).toEqual([]);
  });

  test('is left alone where restarting is of no use', async () => {
    seen = { ...FAILED, postgres: gone.postgres };
    for (let looks = 0; looks < 10; looks += 1) await standing(5_000);
    expect(restarts).toEqual([]);
    expect(await standing()).toEqual(['slot_missing', 'connector_failed', 'changes_lost']);
  });
});

describe('the server that is captured', () => {
  const other = (source: Partial<Source>): Look => ({
    ...GOOD,
    postgres: { source: { ...SOURCE, ...source }, slot: GOOD.postgres?.slot ?? null },
  });

  test('is known once changes of it were captured, and written down', async () => {
    seen = {
      ...GOOD,
      connect: {
        connector: GOOD.connect!.connector,
        stored: { lsn: 950n, isSnapshot: true, isCommitted: false },
      },
    };
    await standing();
    expect(kept).toEqual([]);
    seen = GOOD;
    await standing(5_000);
    expect(kept).toEqual([{ ...SOURCE, lostAt: 0, recoveredAt: 0 }]);
  });

  test('is an alarm when it is another, until somebody accepts that', async () => {
    await standing();
    seen = other({ systemIdentifier: '8' });
    expect(await standing(5_000)).toEqual(['source_changed']);
    expect(kept).toEqual([{ ...SOURCE, lostAt: 0, recoveredAt: 0 }]);
    known = { ...SOURCE, systemIdentifier: '8', lostAt: 0, recoveredAt: 0 };
    expect(await standing(5_000)).toEqual([]);
  });

  test('is an alarm when its WAL went back, be it by a byte', async () => {
    seen = other({ lsn: 2_000n });
    await standing();
    seen = other({ lsn: 1_999n });
    expect(await standing(5_000)).toEqual(['source_older']);
  });

  test('is compared with what was seen where the store is away', async () => {
    isStoreAway = true;
    await standing();
    seen = other({ timeline: 2 });
    expect(await standing(5_000)).toEqual(['source_changed']);
  });
});

test('a slot that is at work may be ahead of what Connect stored, one that was left may not', async () => {
  const ahead = (active: boolean): Look => ({
    ...GOOD,
    postgres: { ...GOOD.postgres!, slot: { ...GOOD.postgres!.slot!, active, confirmedLsn: 951n } },
  });
  await watchdog.look();
  seen = ahead(true);
  expect(await watchdog.look()).toEqual([]);
  seen = ahead(false);
  expect((await watchdog.look()).map(({ kind }) => kind)).toContain('slot_ahead');
});
