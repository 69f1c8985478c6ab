import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import { assertCluster, createKafka } from './kafka.ts';

const emitWarning = process.emitWarning.bind(process);
let emitted: string[] = [];

beforeEach(() => {
  emitted = [];
});

afterEach(() => {
  process.emitWarning = emitWarning;
});

function connect() {
  const { logger, lines } = recordLogger();
  const kafka = createKafka({ brokers: 'a:1, b:2', clientId: 'test', logger });
  return { log: kafka.logger(), lines };
}

describe('what kafkajs logs', () => {
  test('at ERROR is an error of ours, with its fields', () => {
    const { log, lines } = connect();
    log.error('Failed to process batch', { partition: 3, stack: 'at x' });
    expect(lines).toMatchObject([
      { level: 'error', msg: 'Failed to process batch', partition: 3, stack: 'at x' },
    ]);
  });

  test.each([
    ['The group is rebalancing, so a rejoin is needed', {}],
    ['Response Heartbeat', { error: 'The group is rebalancing, so a rejoin is needed' }],
    ['Response FindCoordinator', { error: 'The coordinator is loading and hence cannot' }],
    [
      'Response GroupCoordinator(key: 10, version: 2)',
      { broker: '127.0.0.1:29669', error: 'The group coordinator is not available', size: 55 },
    ],
    ['Response Produce', { error: 'This server is not the leader for that topic-partition' }],
    ['Connection error: connect ECONNREFUSED', { broker: 'a:1' }],
    ['Connection timeout', {}],
  ])('at ERROR but then retries by itself is no error: %s', (message, fields) => {
    const { log, lines } = connect();
    log.error(message, fields);
    expect(lines).toMatchObject([{ level: 'debug', msg: message }]);
  });

  test.each([
    ['Response without match', { broker: 'a:1', correlationId: 7 }],
    ['Could not create topics', { error: 'This is not the correct controller', retryCount: 0 }],
    ['Consumer group received unsubscribed topics', { topicsNotSubscribed: ['other'] }],
  ])('at WARN is a warning of ours, with its fields: %s', (message, fields) => {
    const { log, lines } = connect();
    log.warn(message, fields);
    expect(lines).toMatchObject([{ level: 'warn', msg: message, ...fields }]);
  });

  test('below WARN is not logged', () => {
    const { log, lines } = connect();
    log.info('joined');
    expect(lines).toEqual([]);
  });

  test('at WARN when a member comes or goes is for debugging', () => {
    const { log, lines } = connect();
    // As kafkajs 2.2.4 wrote it when a second consumer joined the group.
    const captured = {
      groupId: 'zz',
      memberId: 't-7932b60a-958f-4bc4-9d3f-a60362b1fde7',
      error: 'The group is rebalancing, so a rejoin is needed',
    };
    log.namespace('Runner').warn('The group is rebalancing, re-joining', captured);
    expect(lines).toMatchObject([{ level: 'debug', namespace: 'Runner', ...captured }]);
  });

  test('at WARN when the first producer is made is for debugging', () => {
    const { logger, lines } = recordLogger();
    createKafka({ brokers: 'a:1', clientId: 'test', logger }).producer();
    expect(lines).toMatchObject([
      { level: 'debug', msg: expect.stringMatching(/^KafkaJS v2\.0\.0 switched/) },
    ]);
  });
});

test('of the warnings of the process only the one about negative timers is dropped', async () => {
  process.emitWarning = (warning: string | Error): void => {
    emitted.push(String(warning));
  };
  // The filter is laid once per process, by the first client: load the module anew.
  vi.resetModules();
  const { createKafka: create } = await import('./kafka.ts');
  create({ brokers: 'a:1', clientId: 'test', logger: recordLogger().logger });
  process.emitWarning('-5 is a negative number.', 'TimeoutNegativeWarning');
  process.emitWarning('something is old', 'DeprecationWarning', 'DEP0001');
  process.emitWarning(Object.assign(new Error('-5'), { name: 'TimeoutNegativeWarning' }));
  process.emitWarning(new Error('watch out'));
  expect(emitted).toEqual(['something is old', 'Error: watch out']);
});

describe('a cluster', () => {
  const admin = {
    describeCluster: () => Promise.resolve({ brokers: [], controller: 1, clusterId: 'ours' }),
  };

  test.each(['ours', ''])('is taken when "%s" is expected', async (expected) => {
    await expect(assertCluster(admin, expected)).resolves.toBeUndefined();
  });

  test('is refused when another one is expected', async () => {
    await expect(assertCluster(admin, 'theirs')).rejects.toMatchObject({
      code: 'WICK_LOCAL_WRONG_CLUSTER',
      message: expect.stringMatching(/answers as cluster "ours", expected "theirs"/),
    });
  });
});
