/**
 * What robots.txt of a host allows, over `robots-parser`. In: a URL. Out: how long to pause between
 * requests, or an error. As RFC 9309 has it: no such file allows all, a host that cannot say is left
 * alone for now. Remembered for a day, a failure for a minute, here and in Redis for other processes.
 */
import parserModule from 'robots-parser';
import { AppError, errorText } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { SharedPages, SharedRobots } from './shared-pages.ts';
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
  /** What other processes learnt; absent where this one is alone. */
  readonly shared?: SharedPages | undefined;
}

const GOOD_MS = 24 * 60 * 60 * 1000;
const FAILED_MS = 60_000;

type Known =
  | { readonly until: number; readonly rules: Robots | null }
  | { readonly until: number; readonly error: AppError };

/** One entry for each origin that was asked; those are of an allow-list. */
export function createRobotsRules(options: RobotsOptions): RobotsRules {
  const known = new Map<string, Known>();
  const learn = async (origin: string, signal: AbortSignal): Promise<Known> => {
    const remembered = known.get(origin);
    if (remembered !== undefined && options.clock.now() < remembered.until) return remembered;
    const url = new URL('/robots.txt', origin);
    const now = options.clock.now();
    const told = await options.shared?.recallRobots(origin);
    const isTold = told !== null && told !== undefined && now < told.until;
    const learnt = isTold ? told : await ask(options, url, signal);
    if (!isTold) await options.shared?.rememberRobots(origin, learnt, options.clock.now());
    const meant = meaningOf(options.source, url, learnt);
    known.set(origin, meant);
    return meant;
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

/** What was learnt, in words that other processes understand. */
async function ask(options: RobotsOptions, url: URL, signal: AbortSignal): Promise<SharedRobots> {
  const { clock } = options;
  try {
    const { status, bytes } = await options.fetch(url, signal);
    const until = clock.now() + GOOD_MS;
    if (status >= 400 && status < 500 && status !== 429) return { kind: 'none', text: '', until };
    // What is no rule is skipped by the parser, so a lenient reading can only lose comments.
    if (status === 200) return { kind: 'rules', text: bytes.toString('utf8'), until };
    return { kind: 'unknown', text: `status ${status}`, until: clock.now() + FAILED_MS };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AppError) || !error.retryable) throw error;
    return { kind: 'unknown', text: errorText(error), until: clock.now() + FAILED_MS };
  }
}

function meaningOf(source: string, url: URL, { kind, text, until }: SharedRobots): Known {
  if (kind === 'none') return { until, rules: null };
  if (kind === 'rules') return { until, rules: robotsParser(url.href, text) };
  const error = new AppError(
    'WICK_ETL_VENUE_HTTP',
    `${source} is left alone: what ${url.href} allows is not known now (${text})`,
    { retryable: true, details: { source, url: url.href } },
  );
  return { until, error };
}
