/**
 * What change capture relies on beside pg-connector.json's routing: settings that keep it from losing
 * changes quietly. Each is a decision with its reason in docs/cdc-operations.md, which must say the same.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { PUBLICATION, TOPIC_CDC_NOTIFICATIONS } from '#core/contracts/names.ts';
import { composeAsWritten, ROOT } from '../support/compose.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const { config } = Value.Parse(
  Type.Object({ config: Type.Record(Type.String(), Type.String()) }),
  JSON.parse(read('pg-connector.json')),
);
/** First column and second of the table of settings. */
const TOLD = new Map(
  [...read('docs/cdc-operations.md').matchAll(/^\| `([a-z._]+)` +\| (.+?) +\|/gm)].map(
    ([, name, value]) => [name ?? '', value ?? ''],
  ),
);

describe('the connector', () => {
  test.each([
    ['heartbeat.interval.ms', '5000'],
    ['slot.failover', 'true'],
    // "trust_slot" and "trust_greater_lsn" would skip to wherever somebody moved the slot.
    ['offset.mismatch.strategy', 'trust_offset'],
    ['publication.autocreate.mode', 'disabled'],
    // "when_needed" would heal a loss in silence, and "always" send everything at each restart.
    ['snapshot.mode', 'initial'],
    ['signal.enabled.channels', 'source'],
    ['notification.enabled.channels', 'sink'],
  ])('has %s at %s, and the document says so', (name, value) => {
    expect(config[name]).toBe(value);
    expect(TOLD.get(name)).toBe(`\`${value}\``);
  });

  test('beats by a change of a published table, so that a quiet market confirms WAL', () => {
    expect(config['heartbeat.action.query']).toMatch(/^insert into market\.heartbeat .* do update/);
    expect(read('sql/postgres/005_change_capture.sql')).toMatch(
      /create publication wickstream\s+for table [^;]*market\.heartbeat/,
    );
    expect(TOLD.has('heartbeat.action.query')).toBe(true);
  });

  test('tells the end of snapshots where the recovery listens', () => {
    expect(config['notification.sink.topic.name']).toBe(TOPIC_CDC_NOTIFICATIONS);
  });

  test('leaves slot and publication where they are when it stops', () => {
    // The default, which a test of Debezium's might tempt somebody to change.
    expect(config['slot.drop.on.stop']).toBeUndefined();
    expect(config['publication.name']).toBe(PUBLICATION);
  });
});

test('the publication has no truncate, which has no key and no place in a partition', () => {
  const published = [
    ...read('sql/postgres/005_change_capture.sql').matchAll(/publish = '([^']+)'/g),
  ];
  expect(published.map(([, events]) => events)).toEqual(['insert, update, delete']);
});

test('WAL for a connector that is away is bounded in both ways to run, as the document says', () => {
  const command = composeAsWritten().services['db']?.command ?? [];
  const compose = command.find((word) => word.startsWith('max_slot_wal_keep_size='));
  expect(compose).toBe('max_slot_wal_keep_size=${DB_SLOT_WAL_KEEP_SIZE:-8GB}');
  expect(read('local/stack/services/postgres.ts')).toContain("'max_slot_wal_keep_size=4GB'");
  expect(TOLD.get('max_slot_wal_keep_size')).toMatch(/`8GB`.*`4GB`/);
});

test('both workers store places each second, since Debezium confirms only what is stored', () => {
  const debezium = composeAsWritten().services['debezium']?.environment ?? {};
  expect(debezium['OFFSET_FLUSH_INTERVAL_MS']).toBe('1000');
  expect(read('local/stack/services/connect.ts')).toContain("'offset.flush.interval.ms': '1000'");
  expect(TOLD.get('offset.flush.interval.ms')).toBe('`1000` (worker)');
});
