/**
 * The production stack as data: what keeps it safe, ordered and bounded, held without a Docker
 * engine. In: docker-compose.yml with the values of .env.example.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONNECTOR_ENV_ALLOWLIST } from '../../local/stack/services/connect.ts';
import {
  bytesOf,
  COMPOSE_TEXT,
  composeAsWritten,
  composeWith,
  ENV_EXAMPLE,
  publishedPort,
  ROOT,
  withoutComments,
  type Service,
} from '../support/compose.ts';

const SECRET = 'of-the-test';
const COMPOSE = composeWith(
  Object.fromEntries(
    Object.entries(ENV_EXAMPLE).map(([name, value]) => [name, value === '' ? SECRET : value]),
  ),
);
const SERVICES = Object.entries(COMPOSE.services);
const OURS = ['migrate', 'scheduler', 'streamer', 'analyzer', 'watchdog', 'app'];
const ONE_SHOTS = ['migrate', 'app'];
const LONG_RUNNING = SERVICES.filter(([name]) => !ONE_SHOTS.includes(name));

/**
 * Per image: the programs that it documents to hold, as far as our health checks use them, and
 * where it says so. Not `nc`, `bash` or a client that some tag happens to carry.
 */
const DOCUMENTED_TOOLS: Readonly<
  Record<string, { readonly tools: string[]; readonly doc: string }>
> = {
  postgres: {
    tools: ['pg_isready'],
    doc: 'https://github.com/docker-library/postgres/blob/master/18/bookworm/Dockerfile (PATH holds the bin folder of postgresql-18)',
  },
  'apache/kafka': {
    tools: ['/opt/kafka/bin/kafka-broker-api-versions.sh'],
    doc: 'https://hub.docker.com/r/apache/kafka (scripts of the distribution in /opt/kafka/bin)',
  },
  'quay.io/debezium/connect': {
    tools: ['curl'],
    doc: 'https://github.com/debezium/container-images/blob/main/connect-base/3.7/docker-maven-download.sh (the image downloads with curl as it is built)',
  },
  'apicurio/apicurio-registry-mem': {
    tools: ['curl'],
    doc: 'https://github.com/Apicurio/apicurio-registry/blob/2.6.x/distro/docker/src/main/docker/Dockerfile.jvm (built on ubi8/openjdk-11, whose start script fetches with curl)',
  },
  'clickhouse/clickhouse-server': {
    tools: ['wget', 'clickhouse-client'],
    doc: 'https://github.com/ClickHouse/ClickHouse/blob/master/docker/server/Dockerfile.ubuntu (installs wget)',
  },
  redis: {
    tools: ['redis-cli', 'grep'],
    doc: 'https://hub.docker.com/_/redis (redis-cli; grep is of Debian and of Alpine)',
  },
  wickstream: { tools: ['node'], doc: 'Dockerfile (built on the image of Node)' },
};

/** Who must reach whom; whoever is not named here must not be reachable at all. */
const REACHES: Readonly<Record<string, readonly string[]>> = {
  scheduler: ['db', 'clickhouse', 'redis'],
  streamer: ['db', 'redis'],
  debezium: ['db', 'kafka', 'registry'],
  analyzer: ['kafka', 'registry', 'clickhouse', 'redis'],
  watchdog: ['db', 'redis', 'debezium', 'clickhouse'],
  migrate: ['db', 'kafka', 'registry', 'clickhouse', 'redis'],
  app: ['db', 'kafka', 'registry', 'clickhouse', 'redis', 'debezium'],
};

describe('docker-compose.yml', () => {
  test('has the services that the README names', () => {
    expect(Object.keys(COMPOSE.services)).toEqual([
      'db',
      'kafka',
      'debezium',
      'registry',
      'clickhouse',
      'redis',
      'migrate',
      'scheduler',
      'streamer',
      'analyzer',
      'watchdog',
      'app',
    ]);
  });

  test.each(SERVICES)('pins the image of %s, and lets a variable override it', (name, service) => {
    expect(service.image).toMatch(/^[a-z0-9./-]+:[0-9][A-Za-z0-9._-]*$/);
    expect(composeAsWritten().services[name]?.image).toMatch(/^\$\{[A-Z]+_IMAGE:-.+\}$/);
  });

  test('publishes ports on 127.0.0.1 only, each set by a variable', () => {
    const ports = SERVICES.flatMap(([, { ports: own = [] }]) => own.map(publishedPort));
    expect(new Set(ports.map(({ address }) => address))).toEqual(new Set(['127.0.0.1']));
    expect(new Set(ports.map(({ published }) => published)).size).toBe(ports.length);
    const written = Object.values(composeAsWritten().services).flatMap(
      ({ ports: own = [] }) => own,
    );
    for (const port of written) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:/);
    expect(withoutComments(COMPOSE_TEXT)).not.toContain('network_mode');
  });

  test('publishes Kafka Connect where the README posts the connector', () => {
    expect(COMPOSE.services['debezium']?.ports).toEqual(['127.0.0.1:8083:8083']);
  });

  test.each(SERVICES)(
    'bounds processors, memory, log and stopping time of %s',
    (_name, service) => {
      const { cpus, memory } = service.deploy.resources.limits;
      expect(Number(cpus)).toBeGreaterThan(0);
      expect(bytesOf(memory)).toBeGreaterThan(0);
      expect(bytesOf(service.logging.options['max-size'])).toBeLessThanOrEqual(bytesOf('100m'));
      expect(Number(service.logging.options['max-file'])).toBeLessThanOrEqual(10);
      expect(service.stop_grace_period).toMatch(/^\d+[sm]$/);
    },
  );

  test('sets the limits of our own containers and of each engine in .env', () => {
    const variables = Object.entries(composeAsWritten().services).map(
      ([, { deploy }]) => deploy.resources.limits,
    );
    for (const { cpus, memory } of variables) {
      expect(cpus).toMatch(/^\$\{([A-Z]+_)?CPU_LIMIT:-/);
      expect(memory).toMatch(/^\$\{([A-Z]+_)?MEMORY_LIMIT:-/);
    }
    for (const name of OURS) {
      expect(composeAsWritten().services[name]?.deploy.resources.limits.cpus).toMatch(/^\$\{CPU_/);
    }
  });

  test.each([
    ['kafka', 'KAFKA_HEAP_OPTS'],
    ['debezium', 'HEAP_OPTS'],
  ])('keeps the heap of %s within two thirds of its memory', (name, variable) => {
    const service = serviceNamed(name);
    const heap = /-Xmx(\S+)/.exec(service.environment[variable] ?? '')?.[1] ?? '';
    expect(bytesOf(heap)).toBeLessThanOrEqual(
      (bytesOf(service.deploy.resources.limits.memory) * 2) / 3,
    );
  });

  test('restarts what runs long and nothing else', () => {
    const restarts = Object.fromEntries(SERVICES.map(([name, { restart }]) => [name, restart]));
    for (const [name, restart] of Object.entries(restarts)) {
      expect([name, restart]).toEqual([name, ONE_SHOTS.includes(name) ? 'no' : 'unless-stopped']);
    }
  });

  test.each(LONG_RUNNING)('checks the health of %s with a documented program', (_name, service) => {
    const image = service.image.replace(/:[^:/]+$/, '');
    const documented = DOCUMENTED_TOOLS[image];
    expect(documented, `no documented tools for ${image}`).toBeDefined();
    const programs = programsOf(service);
    expect(programs.length).toBeGreaterThan(0);
    expect(documented?.tools).toEqual(expect.arrayContaining(programs));
  });

  test('checks health where the service listens', () => {
    const targets = LONG_RUNNING.flatMap(([name, service]) => {
      const url = /http:\/\/127\.0\.0\.1:(\d+)/.exec((service.healthcheck?.test ?? []).join(' '));
      return url === null ? [] : [[name, url[1]]];
    });
    const published = LONG_RUNNING.filter(([name]) =>
      targets.some(([found]) => found === name),
    ).map(([name, { ports = [] }]) => [name, publishedPort(ports[0] ?? '').target]);
    expect(targets).toEqual(published);
    expect(targets.map(([name]) => name)).toEqual([
      'debezium',
      'registry',
      'clickhouse',
      'scheduler',
      'streamer',
      'analyzer',
      'watchdog',
    ]);
  });

  test('keeps data in declared volumes', () => {
    const mounts = SERVICES.flatMap(([, { volumes = [] }]) => volumes);
    const names = mounts.map((mount) => mount.split(':')[0] ?? '');
    expect(names.sort()).toEqual(Object.keys(COMPOSE.volumes).sort());
    // From 18 on; data/ below it would be an anonymous volume's neighbour and stay empty.
    expect(mounts).toContain('db-data:/var/lib/postgresql');
    expect(mounts).toContain(`kafka-data:${serviceNamed('kafka').environment['KAFKA_LOG_DIRS']}`);
  });

  test('runs our own containers without root, capabilities or a writable disk', () => {
    for (const name of OURS) {
      const service = serviceNamed(name);
      expect(service.init, name).toBe(true);
      expect(service.read_only, name).toBe(true);
      expect(service.cap_drop, name).toEqual(['ALL']);
      expect(service.security_opt, name).toEqual(['no-new-privileges:true']);
    }
    expect(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });

  test('builds one image, for app, and runs it five times', () => {
    const built = SERVICES.filter(([, { build }]) => build !== undefined).map(([name]) => name);
    expect(built).toEqual(['app']);
    expect(new Set(OURS.map((name) => serviceNamed(name).image)).size).toBe(1);
    expect(serviceNamed('app').profiles).toEqual(['tools']);
  });
});

describe('start-up order', () => {
  test('waits for health where there is a check and for success where there is an end', () => {
    for (const [name, { depends_on: needs = {} }] of SERVICES) {
      for (const [needed, { condition }] of Object.entries(needs)) {
        const expected = ONE_SHOTS.includes(needed)
          ? 'service_completed_successfully'
          : 'service_healthy';
        expect([name, needed, condition]).toEqual([name, needed, expected]);
      }
    }
  });

  test('has the tables and topics made before anything writes or reads', () => {
    for (const name of ['scheduler', 'streamer', 'analyzer']) {
      expect(Object.keys(serviceNamed(name).depends_on ?? {})).toContain('migrate');
    }
    expect(Object.keys(serviceNamed('migrate').depends_on ?? {}).sort()).toEqual([
      'clickhouse',
      'db',
      'kafka',
      'registry',
    ]);
  });

  test('lets "up -d" return only when Kafka Connect answers, so that the curl works at once', () => {
    expect(serviceNamed('analyzer').depends_on?.['debezium']?.condition).toBe('service_healthy');
  });

  test('lets one-off commands run while something is broken', () => {
    expect(serviceNamed('app').depends_on).toBeUndefined();
  });

  test('never registers the connector', () => {
    const started = SERVICES.flatMap(([, { command = [], entrypoint = [] }]) => [
      ...command,
      ...entrypoint,
    ]);
    expect(started.filter((word) => /connector|curl/.test(word))).toEqual([]);
  });
});

describe('the network', () => {
  test.each(Object.entries(REACHES))('lets %s reach %j and no other store', (name, targets) => {
    const networks = serviceNamed(name).networks;
    const stores = ['db', 'kafka', 'registry', 'clickhouse', 'redis'];
    const reached = [...stores, ...targets].filter((other) =>
      serviceNamed(other).networks.some((network) => networks.includes(network)),
    );
    const allowed = new Set(name === 'debezium' ? [...targets, 'redis'] : targets);
    expect(new Set(reached)).toEqual(allowed);
  });

  test.each(['DB_HOST', 'CLICKHOUSE_HOST', 'REDIS_HOST'])('has a service for %s', (variable) => {
    expect(Object.keys(COMPOSE.services)).toContain(ENV_EXAMPLE[variable]);
  });

  test('has a service at each address, listening on that port', () => {
    const environment = serviceNamed('app').environment;
    const listens = (service: string, target: string): boolean =>
      (serviceNamed(service).ports ?? []).some((port) => publishedPort(port).target === target);
    for (const [host, port] of [
      ['DB_HOST', 'DB_PORT'],
      ['CLICKHOUSE_HOST', 'CLICKHOUSE_PORT'],
      ['REDIS_HOST', 'REDIS_PORT'],
    ] as const) {
      expect(listens(environment[host] ?? '', environment[port] ?? ''), host).toBe(true);
    }
    const connect = new URL(environment['CONNECT_URL'] ?? '');
    expect(listens(connect.hostname, connect.port)).toBe(true);
    const registry = new URL(environment['SCHEMA_REGISTRY_URL'] ?? '');
    expect(listens(registry.hostname, registry.port)).toBe(true);
    const kafka = serviceNamed('kafka').environment;
    expect(kafka['KAFKA_ADVERTISED_LISTENERS']).toContain(
      `INTERNAL://${environment['KAFKA_BROKERS']}`,
    );
    expect(kafka['KAFKA_LISTENERS']).toContain(':9092');
    expect(kafka['CLUSTER_ID']).toBe(environment['KAFKA_CLUSTER_ID']);
  });
});

describe('the engines', () => {
  test('decode a change log that holds everything', () => {
    const command = serviceNamed('db').command ?? [];
    expect(command).toContain('wal_level=logical');
    expect(command.some((word) => /^max_slot_wal_keep_size=\d+GB$/.test(word))).toBe(true);
  });

  test('make no topic by themselves', () => {
    expect(serviceNamed('kafka').environment['KAFKA_AUTO_CREATE_TOPICS_ENABLE']).toBe('false');
  });

  test('let a connector file read the five variables of the allow-list, as the embedded stack', () => {
    const environment = serviceNamed('debezium').environment;
    expect(environment['CONNECT_CONFIG_PROVIDERS']).toBe('env');
    expect(environment['CONNECT_CONFIG_PROVIDERS_ENV_PARAM_ALLOWLIST_PATTERN']).toBe(
      CONNECTOR_ENV_ALLOWLIST,
    );
  });

  test('hand Connect no variable of ours that its image would take for a setting', () => {
    const names = Object.keys(serviceNamed('debezium').environment);
    expect(names.filter((name) => name in ENV_EXAMPLE).sort()).toEqual([
      'CDC_PASSWORD',
      'CDC_USER',
      'DB_HOST',
      'DB_NAME',
      'DB_PORT',
    ]);
    // The image writes each value with sed and may not meet an "@".
    for (const name of names.filter((found) => found.startsWith('CONNECT_'))) {
      expect(serviceNamed('debezium').environment[name]).not.toContain('@');
    }
  });

  test('hand Kafka no variable of ours that its image would take for a setting', () => {
    const names = Object.keys(serviceNamed('kafka').environment);
    expect(names.filter((name) => name in ENV_EXAMPLE)).toEqual([]);
  });
});

describe('secrets', () => {
  test.each(SERVICES)('are not on a command line of %s', (_name, service) => {
    const { command = [], entrypoint = [], healthcheck } = service;
    const words = [...command, ...entrypoint, ...(healthcheck?.test ?? [])];
    expect(words.filter((word) => word.includes(SECRET))).toEqual([]);
  });

  test('reach Redis in the file that it is started with', () => {
    const { command, configs = [] } = serviceNamed('redis');
    expect(command).toEqual(['redis-server', configs[0]?.target]);
    const lines = COMPOSE.configs[configs[0]?.source ?? '']?.content.split('\n');
    expect(lines).toContain(`requirepass "${SECRET}"`);
  });

  test('and configs are all mounted somewhere', () => {
    const mounted = SERVICES.flatMap(([, { configs = [] }]) => configs.map(({ source }) => source));
    expect(mounted.sort()).toEqual(Object.keys(COMPOSE.configs).sort());
  });
});

test('no file of the deployment holds a secret', () => {
  for (const [name, service] of Object.entries(composeAsWritten().services)) {
    for (const [variable, value] of Object.entries(service.environment)) {
      if (!/PASSWORD|SECRET|TOKEN|_AUTH$/.test(variable)) continue;
      expect(value, `${variable} of ${name}`).toMatch(/^\$\{[A-Z_]+:\?.+\}$/);
    }
  }
  const files = [
    'docker-compose.yml',
    'Dockerfile',
    'pg-connector.json',
    '.github/workflows/ci.yml',
  ];
  for (const file of files) {
    const text = withoutComments(readFileSync(join(ROOT, file), 'utf8'));
    const literals = text.match(/(password|secret|token)["']?[:=][ \t]*["']?[^\s"'$?].*/gi) ?? [];
    expect(literals, file).toEqual([]);
    expect(text.match(/:\/\/[^/\s:@]+:[^/\s@]+@/g), file).toBeNull();
  }
});

function serviceNamed(name: string): Service {
  const service = COMPOSE.services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service "${name}"`);
  return service;
}

/** The programs that a health check runs: the first word of each command, assignments apart. */
function programsOf(service: Service): string[] {
  const [kind, ...words] = service.healthcheck?.test ?? [];
  if (kind === 'CMD') return words.slice(0, 1);
  if (kind !== 'CMD-SHELL') return [];
  return words
    .join(' ')
    .split(/\|\|?|&&|;/)
    .map(
      (command) =>
        command
          .trim()
          .replace(/^(\w+=\S+\s+)+/, '')
          .split(/\s+/)[0] ?? '',
    );
}
