/**
 * The ClickHouse front as a process: `node local/clickhouse/main.ts --port N --data DIR --user U --password-file F`.
 * In: arguments. Out: one JSON line on stdout when it answers, JSON log lines on stderr from warnings up. Exit code 0
 * after SIGTERM or SIGINT, 1 when the engine cannot start or dies, 2 for wrong arguments. Starts nothing again itself.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { errorText } from '#core/errors.ts';
import { type ClickHouseFront, createClickHouseFront, type FrontOptions } from './front.ts';

const USAGE =
  'usage: node local/clickhouse/main.ts --port N --data DIR --user U --password-file F [--host 127.0.0.1] [--memory-mb 1024]';
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const log = pino({ name: 'clickhouse', level: 'warn' }, pino.destination({ fd: 2, sync: true }));

type Arguments = Omit<FrontOptions, 'log' | 'onEngineExit'>;

const MIB = 1024 * 1024;

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      data: { type: 'string' },
      user: { type: 'string' },
      'password-file': { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      'memory-mb': { type: 'string', default: '1024' },
    },
  });
  const { port, data, user, host } = values;
  const passwordFile = values['password-file'];
  if (
    port === undefined ||
    data === undefined ||
    user === undefined ||
    passwordFile === undefined
  ) {
    throw new Error('--port, --data, --user and --password-file are all needed');
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new Error(`--port "${port}" is not a port: give 0 to 65535`);
  }
  const memoryMb = values['memory-mb'];
  if (!/^[1-9]\d{2,6}$/.test(memoryMb)) {
    throw new Error(`--memory-mb "${memoryMb}" is not a number of megabytes: give 100 or more`);
  }
  const limits = { engineMemoryBytes: Number(memoryMb) * MIB };
  const password = readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, '');
  return { port: Number(port), dataDir: data, user, password, host, limits };
}

async function main(): Promise<void> {
  let options: Arguments;
  try {
    options = readArguments();
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n${USAGE}\n`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  let front: ClickHouseFront | undefined;
  let stopping = false;
  const stop = (): void => {
    stopping = true;
    // Before it is ready there is nothing to lose: the engine child ends with this process.
    if (front === undefined) process.exit(0);
    front.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  front = await createClickHouseFront({
    ...options,
    log,
    onEngineExit: () => {
      if (!stopping) process.exit(EXIT_FAILED);
    },
  });
  process.stdout.write(`${JSON.stringify({ ready: true, port: front.port })}\n`);
}

function fail(error: unknown): void {
  log.fatal(errorText(error));
  process.exit(EXIT_FAILED);
}

main().catch(fail);
