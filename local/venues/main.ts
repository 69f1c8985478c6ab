/**
 * The recorded venues as a process: `node local/venues/main.ts --port N [--data DIR] [--speed 60]
 * [--clock-file FILE] [--once] [--weight-limit N] [--request-limit N] [--web DIR] [--log-level LEVEL]`.
 * Prints one JSON line on stdout when they answer, logs to stderr, ends in order on SIGTERM and SIGINT.
 * Exit codes: 0 ended on request, 1 could not run, 2 wrong options.
 */
import { parseArgs } from 'node:util';
import { errorText } from '#core/errors.ts';
import { createLogger } from '#platform/logger.ts';
import { createRecordedVenue, type RecordedVenueOptions } from './recorded-venue.ts';

const SPEED_MAX = 100_000;
const USAGE =
  'usage: local/venues/main.ts --port N [--data DIR] [--speed 60] [--clock-file FILE] [--once] ' +
  '[--weight-limit N] [--request-limit N] [--web DIR] [--log-level LEVEL]';

type Settings = Omit<RecordedVenueOptions, 'logger'> & { readonly logLevel: string };

function parseSettings(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string' },
      data: { type: 'string' },
      speed: { type: 'string' },
      'clock-file': { type: 'string' },
      once: { type: 'boolean', default: false },
      'weight-limit': { type: 'string' },
      'request-limit': { type: 'string' },
      web: { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
    },
  });
  return {
    port: numberOption('port', values.port, { min: 0, max: 65_535, integer: true }),
    directory: values.data,
    speed: numberOption('speed', values.speed, { min: 0.001, max: SPEED_MAX, integer: false }),
    clockFile: values['clock-file'],
    mode: values.once ? 'once' : 'live',
    weightLimit: numberOption('weight-limit', values['weight-limit'], {
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      integer: true,
    }),
    requestLimit: numberOption('request-limit', values['request-limit'], {
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      integer: true,
    }),
    webDirectory: values.web,
    logLevel: values['log-level'],
  };
}

function numberOption(
  name: string,
  text: string | undefined,
  range: { readonly min: number; readonly max: number; readonly integer: boolean },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  const fits = text.trim() !== '' && value >= range.min && value <= range.max;
  if (!fits || (range.integer && !Number.isInteger(value))) {
    throw new RangeError(`--${name} is "${text}"; give a number from ${range.min} to ${range.max}`);
  }
  return value;
}

function readSettings(): Settings | null {
  try {
    return parseSettings(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n${USAGE}\n`);
    process.exitCode = 2;
    return null;
  }
}

async function run({ logLevel, ...settings }: Settings): Promise<void> {
  const logger = createLogger('recorded-venue', logLevel);
  try {
    const venue = await createRecordedVenue({ ...settings, logger });
    const stop = (): void => {
      venue.close().catch((error: unknown) => {
        logger.error({ reason: errorText(error) }, 'the recorded venue did not close cleanly');
        process.exitCode = 1;
      });
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    process.stdout.write(`${JSON.stringify({ ready: true, port: venue.port })}\n`);
  } catch (error) {
    logger.fatal({ reason: errorText(error) }, 'the recorded venue cannot run');
    process.exitCode = 1;
  }
}

const settings = readSettings();
if (settings !== null) await run(settings);
