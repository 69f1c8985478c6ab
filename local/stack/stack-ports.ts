/** The fixed ports of the embedded stack and the variables that move them. */
import { AppError } from '#core/errors.ts';
import { freePort } from './ports.ts';

/** What listens, in start order. */
export const STACK_PORTS = [
  'postgres',
  'redis',
  'clickhouse',
  'kafka',
  'kafkaController',
  'connect',
  'registry',
  'venue',
  'analyzer',
  'scheduler',
  'watchdog',
] as const;

export type StackPorts = Readonly<Record<(typeof STACK_PORTS)[number], number>>;

/** Each port: its default, and the environment variable that changes it. */
export const PORT_VARIABLES: Readonly<
  Record<keyof StackPorts, { readonly variable: string; readonly port: number }>
> = {
  postgres: { variable: 'DB_PORT', port: 15_432 },
  kafka: { variable: 'KAFKA_PORT', port: 19_092 },
  kafkaController: { variable: 'KAFKA_CONTROLLER_PORT', port: 19_093 },
  connect: { variable: 'CONNECT_PORT', port: 8083 },
  registry: { variable: 'SCHEMA_REGISTRY_PORT', port: 8081 },
  clickhouse: { variable: 'CLICKHOUSE_PORT', port: 8123 },
  redis: { variable: 'REDIS_PORT', port: 16_379 },
  venue: { variable: 'VENUE_PORT', port: 8089 },
  scheduler: { variable: 'SCHEDULER_HTTP_PORT', port: 8090 },
  analyzer: { variable: 'ANALYZER_HTTP_PORT', port: 8091 },
  watchdog: { variable: 'WATCHDOG_HTTP_PORT', port: 8093 },
};

const PORT_MAX = 65_535;

/** @throws AppError WICK_CONFIG_INVALID naming the variable and its value. */
export function readPorts(env: Readonly<Record<string, string | undefined>>): StackPorts {
  const read = (name: keyof StackPorts): number => {
    const { variable, port } = PORT_VARIABLES[name];
    const text = env[variable];
    if (text === undefined || text === '') return port;
    const value = Number(text);
    if (/^\d+$/.test(text) && value > 0 && value <= PORT_MAX) return value;
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `${variable} is "${text}"; give a port number from 1 to ${PORT_MAX}`,
    );
  };
  const ports = eachPort(read);
  assertDistinct(ports);
  return ports;
}

/** Ports that are free right now, for a stack beside others. */
export async function freeStackPorts(): Promise<StackPorts> {
  const free = new Map<keyof StackPorts, number>();
  for (const name of STACK_PORTS) free.set(name, await freePort());
  return eachPort((name) => free.get(name)!);
}

function eachPort(portOf: (name: keyof StackPorts) => number): StackPorts {
  return {
    postgres: portOf('postgres'),
    redis: portOf('redis'),
    clickhouse: portOf('clickhouse'),
    kafka: portOf('kafka'),
    kafkaController: portOf('kafkaController'),
    connect: portOf('connect'),
    registry: portOf('registry'),
    venue: portOf('venue'),
    analyzer: portOf('analyzer'),
    scheduler: portOf('scheduler'),
    watchdog: portOf('watchdog'),
  };
}

function assertDistinct(ports: StackPorts): void {
  const owners = new Map<number, keyof StackPorts>();
  for (const name of STACK_PORTS) {
    const other = owners.get(ports[name]);
    if (other !== undefined) {
      throw new AppError(
        'WICK_CONFIG_INVALID',
        `${PORT_VARIABLES[other].variable} and ${PORT_VARIABLES[name].variable} are both ${ports[name]}; give each its own port`,
      );
    }
    owners.set(ports[name], name);
  }
}
