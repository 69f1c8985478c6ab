import { expect, test } from 'vitest';
import {
  assessNotification,
  checkNotification,
  type SnapshotNotification,
} from './notifications.ts';

/** As Debezium 3.7 sent it; see the integrity test of the incremental snapshot. */
const SCANNED: SnapshotNotification = {
  id: 'resnap-1',
  type: 'TABLE_SCAN_COMPLETED',
  aggregate_type: 'Incremental Snapshot',
  additional_data: {
    scanned_collection: 'market.candles',
    connector_name: 'wickstream',
    total_rows_scanned: '3500',
    total_rows: '3500',
    data_collections: 'market.candles',
    status: 'SUCCEEDED',
  },
};

function scanned(changes: Readonly<Record<string, string | undefined>>): SnapshotNotification {
  const data: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...SCANNED.additional_data, ...changes })) {
    if (value !== undefined) data[name] = value;
  }
  return { ...SCANNED, additional_data: data };
}

test('a scan that succeeded and read all rows is no alarm', () => {
  expect(assessNotification(SCANNED)).toBeNull();
});

test('an initial snapshot, which does not count first, is no alarm', () => {
  expect(assessNotification(scanned({ total_rows: undefined }))).toBeNull();
});

test('the scan of an empty table is no alarm', () => {
  expect(assessNotification(scanned({ total_rows: '0', total_rows_scanned: '0' }))).toBeNull();
});

test.each(['SQL_EXCEPTION', 'EMPTY', 'NO_PRIMARY_KEY', 'SKIPPED', 'STOPPED', 'UNKNOWN_SCHEMA', ''])(
  'a scan with status "%s" is an alarm',
  (status) => {
    expect(assessNotification(scanned({ status }))).toEqual({
      id: 'resnap-1',
      reason: expect.stringContaining(`market.candles ended with status ${status};`),
    });
  },
);

test('a scan without a status is an alarm', () => {
  expect(assessNotification(scanned({ status: undefined }))?.reason).toContain('status none');
});

test.each([
  ['1024', '1024 of 3500'],
  ['3501', '3501 of 3500'],
])('a scan that read %s of 3500 rows is an alarm', (rows, words) => {
  expect(assessNotification(scanned({ total_rows_scanned: rows }))?.reason).toContain(words);
});

test.each([undefined, '', '-1', '3500.0'])('a scan that tells "%s" rows is an alarm', (rows) => {
  const told = scanned({ total_rows_scanned: rows, total_rows: rows });
  expect(assessNotification(told)?.reason).toContain('tells no count');
});

test.each([
  'STARTED',
  'DATA_COLLECTIONS_RESOLVED',
  'IN_PROGRESS',
  'PAUSED',
  'RESUMED',
  'COMPLETED',
])('the step %s is no alarm', (type) => {
  expect(assessNotification({ ...SCANNED, type, additional_data: null })).toBeNull();
});

test.each(['ABORTED', 'SKIPPED', 'SOMETHING_NEW'])('the step %s is an alarm', (type) => {
  expect(assessNotification({ ...SCANNED, type })?.reason).toContain(type);
});

test('a record is read as its bytes stand', () => {
  expect(checkNotification(Buffer.from(JSON.stringify(SCANNED)))).toBeNull();
  const bad = JSON.stringify(scanned({ status: 'SQL_EXCEPTION' }));
  expect(checkNotification(Buffer.from(bad))?.id).toBe('resnap-1');
});

test.each([
  ['no value', null],
  ['no JSON', Buffer.from('{')],
  ['an array', Buffer.from('[]')],
  ['no type', Buffer.from('{"id":"x","aggregate_type":"y","additional_data":{}}')],
])('a record with %s is an alarm, not an error', (_what, value) => {
  expect(checkNotification(value)).toMatchObject({ id: '' });
});
