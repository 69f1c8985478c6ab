import { describe, expect, test } from 'vitest';
import { judge } from './judge.ts';
import type { KnownSource } from './known-sources.ts';
import type { ConnectLook, Look, PostgresLook, Slot, Source } from './look.ts';

const SOURCE: KnownSource = {
  systemIdentifier: '7',
  timeline: 1,
  lsn: 1_000n,
  lostAt: 0,
  recoveredAt: 0,
};
const SLOT: Slot = {
  active: true,
  confirmedLsn: 900n,
  lost: null,
  retainedBytes: 100,
  lagBytes: 100,
  safeBytes: 4_000,
};
const RUNNING = { connector: 'RUNNING', tasks: ['RUNNING'], failure: null };
const STORED = { lsn: 950n, isSnapshot: false, isCommitted: true };

function look(
  slot: Partial<Slot> | null = {},
  connect: Partial<ConnectLook> = {},
  source: Partial<Source> = {},
): Look & { postgres: PostgresLook; connect: ConnectLook } {
  return {
    postgres: {
      source: { ...SOURCE, ...source },
      slot: slot === null ? null : { ...SLOT, ...slot },
    },
    connect: { connector: RUNNING, stored: STORED, ...connect },
  };
}

const kinds = (seen: Look, known: KnownSource | null = SOURCE): string[] =>
  judge(seen, known).map(({ kind }) => kind);

test('a pipeline at work has no finding', () => {
  expect(kinds(look())).toEqual([]);
});

test('a slot that was made behind the place of its first snapshot was moved by nobody', () => {
  for (const isSnapshot of [true, false]) {
    const stored = { lsn: 950n, isSnapshot, isCommitted: false };
    expect(kinds(look({ confirmedLsn: 951n }, { stored }))).toEqual([]);
  }
});

test.each([
  ['given up', look({ lost: 'wal_removed', active: false }), ['slot_lost']],
  ['gone', look(null), ['slot_missing']],
  ['moved on by somebody', look({ confirmedLsn: 951n }), ['slot_ahead']],
  ['read by nobody', look({ active: false }), ['slot_idle']],
  ['about to be given up', look({ safeBytes: 99, retainedBytes: 100 }), ['slot_running_out']],
  ['past what is kept', look({ safeBytes: -5 }), ['slot_running_out']],
])('a slot that is %s is found, whatever Connect says', (_name, seen, expected) => {
  expect(kinds(seen)).toEqual(expected);
});

describe('what is as it should be', () => {
  test.each([
    ['a slot that confirmed exactly what is stored', look({ confirmedLsn: 950n })],
    ['WAL without a limit', look({ safeBytes: null, retainedBytes: 10 ** 12 })],
    [
      'a server where nothing was activated yet',
      look(null, { connector: { connector: 'absent', tasks: [], failure: null }, stored: null }),
    ],
    ['a connector that has stored nothing yet', look({ confirmedLsn: 999n }, { stored: null })],
  ])('%s is no finding', (_name, seen) => {
    expect(kinds(seen)).toEqual([]);
  });

  test('a connector without slot and place may take its time', () => {
    const [finding] = judge(look(null, { stored: null }), null);
    expect(finding).toMatchObject({ kind: 'slot_missing', graceMs: 30_000 });
  });
});

describe('another Postgres', () => {
  test.each([
    ['another cluster', { systemIdentifier: '8' }],
    ['another timeline', { timeline: 2 }],
  ])('is found by %s', (_name, source) => {
    expect(kinds(look({}, {}, source))).toEqual(['source_changed']);
  });

  test('is found by a WAL that ends before what was captured, or seen', () => {
    const slot = { confirmedLsn: 800n };
    expect(kinds(look(slot, {}, { lsn: 949n }), null)).toEqual(['source_older']);
    expect(kinds(look(slot, {}, { lsn: 960n }), { ...SOURCE, lsn: 961n })).toEqual([
      'source_older',
    ]);
    expect(kinds(look(slot, {}, { lsn: 961n }), { ...SOURCE, lsn: 961n })).toEqual([]);
  });
});

test('a loss stands until all rows were sent again after it', () => {
  expect(kinds(look(), { ...SOURCE, lostAt: 5, recoveredAt: 4 })).toEqual(['changes_lost']);
  expect(kinds(look(), { ...SOURCE, lostAt: 5, recoveredAt: 5 })).toEqual([]);
});

test('a failed task is found with its reason', () => {
  const connector = { connector: 'RUNNING', tasks: ['FAILED'], failure: 'it broke' };
  expect(judge(look({}, { connector }), SOURCE)).toMatchObject([
    { kind: 'connector_failed', what: 'the connector failed: it broke' },
  ]);
});

test('a store that does not answer is found, and hides nothing of the other', () => {
  expect(kinds({ ...look({ active: false }), connect: null })).toEqual([
    'connect_silent',
    'slot_idle',
  ]);
  expect(kinds({ ...look(), postgres: null })).toEqual(['postgres_silent']);
});

test('every alarm comes within the promised minute', () => {
  const seen = [
    ...judge({ postgres: null, connect: null }, null),
    ...judge(look(null, { stored: null }), null),
    ...judge(look({ active: false, safeBytes: 0 }), null),
  ];
  // A look may take 20 s where nothing answers, and 5 s pass between two.
  for (const { graceMs } of seen) expect(graceMs + 25_000).toBeLessThan(60_000);
});
