/**
 * Which candles `wick stream` is asked for. In: a venue's mapper, the channel as the venue names it and
 * the interval. Out: the interval, or a usage error that lists what the venue has: no name is guessed.
 */
import { AppError } from '#core/errors.ts';
import type { Interval } from '#core/interval.ts';
import type { VenueMapper } from '../../etl/index.ts';
import { parseIntervalFlag } from './series-flags.ts';

type Streamed = Pick<VenueMapper, 'id' | 'channels'>;

/** @throws AppError WICK_USAGE for an unknown channel, and for one that contradicts the interval. */
export function chooseInterval(
  venue: Streamed,
  {
    channel: name,
    tf,
  }: { readonly channel?: string | undefined; readonly tf?: string | undefined },
): Interval {
  const asked = tf === undefined ? null : parseIntervalFlag(tf);
  if (name === undefined) return chooseByInterval(venue, asked);
  const channel = venue.channels.find((each) => each.name === name);
  if (channel === undefined) {
    throw usage(`${venue.id} has no channel "${name}"; it has ${namesOf(venue)}`);
  }
  const { intervals } = channel;
  if (asked !== null && !intervals.includes(asked)) {
    throw usage(
      `--tf "${asked}" contradicts --channel "${name}", which carries ${intervals.join(', ')}`,
    );
  }
  const only = intervals.length === 1 ? intervals[0] : undefined;
  const found = asked ?? only;
  if (found !== undefined) return found;
  throw usage(
    `--channel "${name}" of ${venue.id} does not say the interval; give --tf too, one of ${intervals.join(', ')}`,
  );
}

function chooseByInterval(venue: Streamed, asked: Interval | null): Interval {
  if (asked === null) {
    throw usage(`give --tf 5m, or --channel as ${venue.id} names it: ${namesOf(venue)}`);
  }
  const streamed = venue.channels.flatMap(({ intervals }) => intervals);
  if (streamed.includes(asked)) return asked;
  throw usage(
    `${venue.id} does not stream interval "${asked}"; it streams ${streamed.join(', ')}; others can be collected`,
  );
}

function namesOf({ channels }: Streamed): string {
  return channels.map(({ name }) => name).join(', ');
}

function usage(message: string): AppError {
  return new AppError('WICK_USAGE', message);
}
