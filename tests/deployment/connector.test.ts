/**
 * pg-connector.json says what the rest of the system relies on. It is posted as it is, so nothing
 * else could put a wrong value right; each expectation is a decision with its reason.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import {
  CANDLE_PARTITIONS,
  CAPTURED_TABLES,
  CONNECTOR_NAME,
  POSTGRES_SCHEMA,
  PUBLICATION,
  REPLICATION_SLOT,
  TOPIC_CANDLES,
  TOPIC_CDC_NOTIFICATIONS,
  TOPIC_CDC_SIGNAL,
  TOPIC_PREFIX,
} from '#core/contracts/names.ts';
import { SECRET_VARIABLES } from '#platform/config.ts';
import { CONNECTOR_ENV_ALLOWLIST } from '../../local/stack/services/connect.ts';
import { composeAsWritten, ROOT } from '../support/compose.ts';

const TEXT = readFileSync(join(ROOT, 'pg-connector.json'), 'utf8');
const CONNECTOR = Value.Parse(
  Type.Object(
    { name: Type.String(), config: Type.Record(Type.String(), Type.String()) },
    { additionalProperties: false },
  ),
  JSON.parse(TEXT),
);
const setting = (name: string): string | undefined => CONNECTOR.config[name];
const TABLES = (setting('table.include.list') ?? '').split(',');

describe('pg-connector.json', () => {
  test('reads only variables that both ways to run allow and set', () => {
    const read = new Set([...TEXT.matchAll(/\$\{env:(\w+)\}/g)].map(([, name]) => name ?? ''));
    const debezium = composeAsWritten().services['debezium']?.environment ?? {};
    expect([...read].sort()).toEqual(['CDC_PASSWORD', 'CDC_USER', 'DB_HOST', 'DB_NAME', 'DB_PORT']);
    for (const name of read) {
      expect(name).toMatch(new RegExp(CONNECTOR_ENV_ALLOWLIST));
      expect(Object.keys(debezium)).toContain(name);
    }
  });

  test('lets a connector read neither the password of the owner nor any other secret', () => {
    const allowed = SECRET_VARIABLES.filter((name) =>
      new RegExp(CONNECTOR_ENV_ALLOWLIST).test(name),
    );
    expect(allowed).toEqual(['CDC_PASSWORD']);
  });

  test('holds no secret and no address', () => {
    for (const name of ['hostname', 'port', 'dbname', 'user', 'password']) {
      expect(setting(`database.${name}`)).toMatch(/^\$\{env:\w+\}$/);
    }
  });

  test('uses the names that the other stages use', () => {
    expect(CONNECTOR.name).toBe(CONNECTOR_NAME);
    expect(setting('topic.prefix')).toBe(TOPIC_PREFIX);
    expect(setting('slot.name')).toBe(REPLICATION_SLOT);
    expect(setting('publication.name')).toBe(PUBLICATION);
    expect(TABLES).toEqual(CAPTURED_TABLES.map((table) => `${POSTGRES_SCHEMA}.${table}`));
    expect(`${setting('topic.prefix')}.${POSTGRES_SCHEMA}.candles`).toBe(TOPIC_CANDLES);
    expect(`${setting('topic.prefix')}.${setting('signal.data.collection')}`).toBe(
      TOPIC_CDC_SIGNAL,
    );
    expect(setting('notification.sink.topic.name')).toBe(TOPIC_CDC_NOTIFICATIONS);
    expect(setting('heartbeat.action.query')).toContain(`${POSTGRES_SCHEMA}.heartbeat`);
  });

  test('keys rows by their primary key, on which the incremental snapshot relies', () => {
    expect(setting('message.key.columns')).toBeUndefined();
    // Without it a timestamptz in the key breaks every chunk after the first, silently.
    expect(setting('driver.stringtype')).toBe('unspecified');
  });

  test('sends a series to one partition of the candle topic', () => {
    expect(setting('transforms')?.split(',').at(-1)).toBe('partitionBySeries');
    expect(setting('transforms.partitionBySeries.type')).toBe(
      'io.debezium.transforms.partitions.PartitionRouting',
    );
    expect(setting('transforms.partitionBySeries.partition.payload.fields')).toBe(
      'change.exchange,change.market_type,change.symbol,change.interval',
    );
    expect(setting('transforms.partitionBySeries.partition.topic.num')).toBe(
      String(CANDLE_PARTITIONS),
    );
    const pattern = setting('predicates.isCandles.pattern') ?? '';
    expect(setting('transforms.partitionBySeries.predicate')).toBe('isCandles');
    expect(TOPIC_CANDLES).toMatch(new RegExp(`^${pattern}$`));
    expect(TOPIC_CDC_SIGNAL).not.toMatch(new RegExp(`^${pattern}$`));
  });

  test('lets the other tables ride in that topic, before partitions are chosen, by their own key', () => {
    expect(setting('transforms')?.split(',')).toEqual(['rideWithCandles', 'partitionBySeries']);
    expect(setting('transforms.rideWithCandles.type')).toBe(
      'io.debezium.transforms.ByLogicalTableRouter',
    );
    const pattern = new RegExp(`^(?:${setting('transforms.rideWithCandles.topic.regex')})$`);
    const topics = TABLES.map((table) => `${TOPIC_PREFIX}.${table}`);
    expect(topics.filter((topic) => !pattern.test(topic))).toEqual([TOPIC_CANDLES]);
    expect(TOPIC_CDC_SIGNAL).not.toMatch(pattern);
    expect(setting('transforms.rideWithCandles.topic.replacement')).toBe(TOPIC_CANDLES);
    // Otherwise a field is added to the key, which the incremental snapshot needs as it is.
    expect(setting('transforms.rideWithCandles.key.enforce.uniqueness')).toBe('false');
  });

  test('keeps prices exact and times readable', () => {
    expect(setting('decimal.handling.mode')).toBe('string');
    expect(setting('time.precision.mode')).toBe('isostring');
  });

  test('writes bare JSON, and a delete as one record', () => {
    expect(setting('key.converter.schemas.enable')).toBe('false');
    expect(setting('value.converter.schemas.enable')).toBe('false');
    expect(setting('tombstones.on.delete')).toBe('false');
  });

  test('leaves the publication to the migration', () => {
    expect(setting('plugin.name')).toBe('pgoutput');
    expect(setting('publication.autocreate.mode')).toBe('disabled');
  });

  test('hands on a change at once', () => {
    expect(setting('poll.interval.ms')).toBe('10');
    expect(setting('producer.override.linger.ms')).toBe('0');
    expect(setting('producer.override.acks')).toBe('all');
  });

  test('takes the first snapshot in order of series and time', () => {
    expect(setting('snapshot.select.statement.overrides')).toBe(TABLES.join(','));
    const times = ['', ', gap_from', ', open_time', ', funding_time'];
    for (const [index, table] of TABLES.entries()) {
      expect(setting(`snapshot.select.statement.overrides.${table}`)).toBe(
        `select * from ${table} order by exchange, market_type, symbol, interval${times[index]}`,
      );
    }
  });

  test('moves the slot on while no candle changes', () => {
    expect(Number(setting('heartbeat.interval.ms'))).toBeGreaterThan(0);
  });
});
