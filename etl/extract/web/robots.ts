/**
 * What robots.txt of a host allows, over `robots-parser`. In: a URL. Out: how long to pause between
 * requests, or an error. As RFC 9309 has it: no such file allows all, a host that cannot say is left
 * alone for now. Remembered for a day, a failure for a minute.
 */
import parserModule from 'robots-parser';
import { AppError, errorText } from '#core/errors.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import { USER_AGENT, type PinnedAnswer } from './pinned-request.ts';

type Robots = ReturnType<typeof parserModule.default>;
// Its types speak of a property "default", but what it exports is the function itself.
const robotsParser = parserModule as unknown as typeof parserModule.default;

export interface RobotsRules {
  /**
   * @returns the pause that the host asks for, ms; 0 where it asks for none.
   * @throws AppError WICK_ETL_SOURCE_FORBIDDEN for a page that it does not allow, WICK_ETL_VENUE_HTTP
   * while it cannot say.
   */
  pauseFor(url: URL, signal: AbortSignal): Promise<number>;
}

export interface RobotsOptions {
  readonly source: string;
  readonly clock: Clock;
  /** Gets the file, by whatever redirects are allowed. */
  readonly fetch: (url: URL, signal: AbortSignal) => Promise<PinnedAnswer>;
}

const GOOD_MS = 24 * 60 * 60 * 1000;
const FAILED_MS = 60_000;

type Known =
  | { readonly until: EpochMs | number; readonly rules: Robots | null }
  | { readonly until: EpochMs | number; readonly error: AppError };

/** One entry for each origin that was asked; those are of an allow-list. */
export function createRobotsRules(options: RobotsOptions): RobotsRules {
  const known = new Map<string, Known>();
  const learn = async (origin: string, signal: AbortSignal): Promise<Known> => {
    const remembered = known.get(origin);
    if (remembered !== undefined && options.clock.now() < remembered.until) return remembered;
    const learnt = await ask(options, new URL('/robots.txt', origin), signal);
    known.set(origin, learnt);
    return learnt;
  };
  return {
    pauseFor: async (url, signal) => {
      const found = await learn(url.origin, signal);
      if ('error' in found) throw found.error;
      if (found.rules?.isDisallowed(url.href, USER_AGENT) === true) {
        const line = found.rules.getMatchingLineNumber(url.href, USER_AGENT);
        throw new AppError(
          'WICK_ETL_SOURCE_FORBIDDEN',
          `${options.source} may not be asked at ${url.href}: line ${line} of ${url.origin}/robots.txt ` +
            `does not allow it to "${USER_AGENT}"; use another page, or ask its owner`,
          { details: { source: options.source, url: url.href } },
        );
      }
      return Math.round((found.rules?.getCrawlDelay(USER_AGENT) ?? 0) * 1000);
    },
  };
}

async function ask(options: RobotsOptions, url: URL, signal: AbortSignal): Promise<Known> {
  const { source, clock } = options;
  try {
    const { status, bytes } = await options.fetch(url, signal);
    const until = clock.now() + GOOD_MS;
    if (status >= 400 && status < 500 && status !== 429) return { until, rules: null };
    // What is no rule is skipped by the parser, so a lenient reading can only lose comments.
    if (status === 200) return { until, rules: robotsParser(url.href, bytes.toString('utf8')) };
    return { until: clock.now() + FAILED_MS, error: unknown(source, url, `status ${status}`) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AppError) || !error.retryable) throw error;
    return { until: clock.now() + FAILED_MS, error: unknown(source, url, errorText(error), error) };
  }
}

function unknown(source: string, url: URL, why: string, cause?: unknown): AppError {
  return new AppError(
    'WICK_ETL_VENUE_HTTP',
    `${source} is left alone: what ${url.href} allows is not known now (${why})`,
    { retryable: true, cause, details: { source, url: url.href } },
  );
}
