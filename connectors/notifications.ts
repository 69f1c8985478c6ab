/**
 * What the connector tells about its snapshots, and whether it is bad news. In: records of the
 * notification topic. Out: alarms in words. A snapshot that lost rows still ends with COMPLETED and
 * leaves the connector RUNNING, so the status and the counts of each table scan are all there is to
 * go by. Pure; it reads no topic by itself. Example (shortened):
 * {"id":"resnap-1","type":"TABLE_SCAN_COMPLETED","aggregate_type":"Incremental Snapshot",
 *  "additional_data":{"scanned_collection":"market.candles","total_rows_scanned":"3500",
 *  "total_rows":"3500","status":"SUCCEEDED"},"timestamp":1795243578018}
 * @see https://debezium.io/documentation/reference/stable/configuration/notification.html
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { errorText } from '#core/errors.ts';

const Notification = Type.Object({
  id: Type.String(),
  type: Type.String(),
  aggregate_type: Type.String(),
  additional_data: Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
});
const NotificationCheck = Compile(Notification);

export type SnapshotNotification = Static<typeof Notification>;

export interface SnapshotAlarm {
  /** Id of the snapshot signal; empty where the record cannot be read. */
  readonly id: string;
  readonly reason: string;
}

/** Steps of a snapshot that are no news. */
const USUAL = new Set([
  'STARTED',
  'DATA_COLLECTIONS_RESOLVED',
  'IN_PROGRESS',
  'PAUSED',
  'RESUMED',
  'COMPLETED',
]);
const COUNT = /^\d{1,15}$/;

/** The alarm in one record of the notification topic, or null. Never throws. */
export function checkNotification(value: Buffer | null): SnapshotAlarm | null {
  let json: unknown;
  try {
    json = JSON.parse(value?.toString('utf8') ?? '');
  } catch (error) {
    return { id: '', reason: `a notification is not JSON: ${errorText(error)}` };
  }
  if (!NotificationCheck.Check(json)) {
    return { id: '', reason: `a notification has an unknown shape: ${JSON.stringify(json)}` };
  }
  return assessNotification(json);
}

/**
 * A scan must have succeeded and, where the total is told (incremental snapshots count first), have
 * read as many rows. Anything that is not known to be harmless is an alarm.
 */
export function assessNotification(notification: SnapshotNotification): SnapshotAlarm | null {
  const { id, type, aggregate_type: aggregate } = notification;
  const alarm = (reason: string): SnapshotAlarm => ({ id, reason: `${aggregate}: ${reason}` });
  if (USUAL.has(type)) return null;
  if (type !== 'TABLE_SCAN_COMPLETED') return alarm(`it says ${type}`);
  const data = notification.additional_data ?? {};
  const table = data['scanned_collection'] ?? 'an unnamed table';
  const status = data['status'] ?? 'none';
  if (status !== 'SUCCEEDED') {
    return alarm(
      `the scan of ${table} ended with status ${status}; rows are missing, signal it again`,
    );
  }
  const scanned = data['total_rows_scanned'] ?? '';
  if (!COUNT.test(scanned)) return alarm(`the scan of ${table} tells no count ("${scanned}")`);
  const total = data['total_rows'];
  if (total !== undefined && total !== scanned) {
    return alarm(`the scan of ${table} read ${scanned} of ${total} rows; signal it again`);
  }
  return null;
}
