import { expect, test } from 'vitest';
import { CONFIG_SCHEMA } from '#platform/config.ts';
import { readPorts } from './stack-ports.ts';
import { stackEnv, VENUE_VARIABLES, venueEnv } from './stack-env.ts';

const SECRETS = { dbPassword: 'a', cdcPassword: 'b', clickhousePassword: 'c', redisPassword: 'd' };

test('every address of a venue that there is points at the recorded venues', () => {
  const addresses = Object.keys(CONFIG_SCHEMA.properties).filter(
    (name) => name.endsWith('_URL') && !['CONNECT_URL', 'SCHEMA_REGISTRY_URL'].includes(name),
  );
  expect([...VENUE_VARIABLES].sort()).toEqual([...addresses, 'WEB_ALLOW_LOOPBACK'].sort());
  const ports = readPorts({ VENUE_PORT: '4321' });
  const env = stackEnv(ports, { ...SECRETS, kafkaClusterId: 'e' });
  expect(env).toMatchObject(venueEnv(4321));
  expect(env['BINANCE_FUTURES_URL']).toBe('http://127.0.0.1:4321/binance-futures');
  expect(env['BINANCE_FUTURES_STREAM_URL']).toBe('ws://127.0.0.1:4321/binance-futures/market');
  const { WEB_ALLOW_LOOPBACK, ...urls } = venueEnv(4321);
  expect(WEB_ALLOW_LOOPBACK).toBe('true');
  expect(Object.values(urls).every((url) => url.includes('127.0.0.1:4321/'))).toBe(true);
  expect(new Set(Object.values(urls)).size).toBe(Object.keys(urls).length);
});
