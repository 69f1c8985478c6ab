/**
 * Fetches one document of a web source, safely. In: an address and what kind of text is wanted. Out:
 * the text, or an error that says what to change. Each hop passes the allow-list, robots.txt, the
 * minimum interval and the check of its addresses; the connection is pinned to what was checked.
 * Failures that may pass are tried again a bounded number of times. A document that is still the same
 * is not sent again, where its server can tell.
 */
import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { AppError, errorText } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import { backoffMs, parseRetryAfter } from '../http.ts';
import { PAUSE_MS_MAX, type Sleep } from '../rate-gate.ts';
import type { RawPayload } from '../venue.ts';
import { createPacing, type Pacing } from './pacing.ts';
import { ACCEPT, assertKind, decodeText, type AnsweredPage } from './page-text.ts';
import { requestPinned, type PinnedAnswer } from './pinned-request.ts';
import { createRobotsRules, type RobotsRules } from './robots.ts';
import type { SharedPages } from './shared-pages.ts';
import type { FetchPolicy, WebDocument } from './source.ts';
import { checkAddresses, checkTarget, type Resolve } from './target.ts';
import { unzipEntry } from './unzip-entry.ts';
import { conditionOf, validatorsOf, type Validators } from './validators.ts';

export interface FetchedPage extends RawPayload {
  /** What to recognise it by; null where the server gave nothing. */
  readonly validators: Validators | null;
}

export interface PageFetcher {
  /**
   * @param known of the same document when it was fetched last.
   * @returns `unchanged` only where it was known and the server says that it is still the same.
   * @throws AppError WICK_ETL_SOURCE_FORBIDDEN, WICK_ETL_SOURCE_INVALID, or after bounded retries
   * WICK_ETL_VENUE_HTTP, WICK_ETL_VENUE_RATE_LIMITED, WICK_ETL_VENUE_PAYLOAD.
   */
  fetch(
    document: WebDocument,
    signal: AbortSignal,
    known?: Validators | null,
  ): Promise<FetchedPage | 'unchanged'>;
}

export interface PageFetcherOptions {
  readonly policy: FetchPolicy;
  readonly clock: Clock;
  /** Lets sources be on this machine; for recorded ones only. */
  readonly allowLoopback?: boolean | undefined;
  readonly resolve?: Resolve | undefined;
  readonly sleep?: Sleep | undefined;
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined;
  /** Most bytes of an answer, on the wire and decompressed. */
  readonly bytesMax?: number | undefined;
  /** Most bytes of a file out of a zip. */
  readonly unzippedBytesMax?: number | undefined;
  readonly logger?: Logger | undefined;
  /** What other processes do at the same hosts; absent where this one is alone. */
  readonly shared?: SharedPages | undefined;
}

const BYTES_MAX = 8 * 1024 * 1024;
const UNZIPPED_BYTES_MAX = 64 * 1024 * 1024;
const ROBOTS_BYTES_MAX = 512 * 1024;
const REDIRECTS_MAX = 3;
const ATTEMPTS_MAX = 3;
const RESOLVE_MS = 5_000;
const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;
const NOT_MODIFIED = 304;

interface Session {
  readonly options: PageFetcherOptions;
  readonly policy: FetchPolicy;
  readonly pacing: Pacing;
  readonly robots: RobotsRules;
}

export function createPageFetcher(options: PageFetcherOptions): PageFetcher {
  const { policy, clock } = options;
  const sleep: Sleep =
    options.sleep ?? ((ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }));
  const random = options.random ?? (() => randomInt(1_000_000) / 1_000_000);
  const pacing = createPacing({ clock, sleep, shared: options.shared });
  const robots = createRobotsRules({
    source: policy.source,
    clock,
    shared: options.shared,
    fetch: async (url, signal) => {
      const request = { accept: 'text/plain', bytesMax: ROBOTS_BYTES_MAX, signal };
      return (await follow({ options, policy, pacing, robots: null }, url.href, request)).answer;
    },
  });
  const session: Session = { options, policy, pacing, robots };
  return {
    fetch: async (document, signal, known = null) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await fetchOnce(session, document, known, signal);
        } catch (error) {
          signal.throwIfAborted();
          const pauseMs = pauseBefore(error);
          if (pauseMs === null || attempt >= ATTEMPTS_MAX) throw error;
          const ms = pauseMs + backoffMs(attempt, random());
          const reason = errorText(error);
          options.logger?.warn({ source: policy.source, attempt, ms, reason }, 'asked again');
          await sleep(ms, signal);
        }
      }
    },
  };
}

/** How long to leave the source alone before another attempt, ms; null where none may help. */
function pauseBefore(error: unknown): number | null {
  if (!(error instanceof AppError) || !error.retryable) return null;
  const { retryAfterMs } = error.details;
  if (typeof retryAfterMs !== 'number') return 0;
  return retryAfterMs <= PAUSE_MS_MAX ? retryAfterMs : null;
}

async function fetchOnce(
  { options, policy, pacing, robots }: Session,
  document: WebDocument,
  known: Validators | null,
  signal: AbortSignal,
): Promise<FetchedPage | 'unchanged'> {
  const { kind, entry } = document;
  const bytesMax = options.bytesMax ?? BYTES_MAX;
  const request = { accept: ACCEPT[kind], bytesMax, signal, known };
  const { url, answer } = await follow({ options, policy, pacing, robots }, document.url, request);
  const isAsked = Object.keys(conditionOf(known, url)).length > 0;
  if (answer.status === NOT_MODIFIED && isAsked) return 'unchanged';
  if (answer.status !== 200) throw refusal(policy.source, url, answer, options.clock);
  const contentType = String(answer.headers['content-type'] ?? '');
  const page: AnsweredPage = {
    source: policy.source,
    url: url.href,
    contentType,
    bytes: answer.bytes,
  };
  assertKind(page, kind);
  const fetchedAt = options.clock.now();
  const validators = validatorsOf(url, answer);
  if (kind !== 'zip') {
    return { url: document.url, fetchedAt, body: decodeText(page, kind), validators };
  }
  const name = entry ?? '';
  const zipped = { source: policy.source, url: url.href, name };
  const bytes = unzipEntry(answer.bytes, {
    ...zipped,
    bytesMax: options.unzippedBytesMax ?? UNZIPPED_BYTES_MAX,
  });
  const body = decodeText({ ...page, contentType: undefined, bytes }, 'text');
  return { url: `${document.url}#${name}`, fetchedAt, body, validators };
}

interface Way {
  readonly options: PageFetcherOptions;
  readonly policy: FetchPolicy;
  readonly pacing: Pacing;
  /** Null on the way to robots.txt itself. */
  readonly robots: RobotsRules | null;
}

interface Wanted {
  readonly accept: string;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  readonly known?: Validators | null;
}

/** Goes where redirects lead; each place is checked as if it had been the first. */
async function follow(
  way: Way,
  start: string,
  wanted: Wanted,
): Promise<{ readonly url: URL; readonly answer: PinnedAnswer }> {
  const { policy } = way;
  let next = start;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const url = checkTarget(next, policy);
    const answer = await ask(way, url, wanted);
    const location = answer.headers['location'];
    const isRedirect = [301, 302, 303, 307, 308].includes(answer.status);
    if (!isRedirect || typeof location !== 'string') return { url, answer };
    next = URL.canParse(location, url.href) ? new URL(location, url.href).href : location;
  }
  throw new AppError(
    'WICK_ETL_SOURCE_FORBIDDEN',
    `${policy.source}: ${start} redirects more than ${REDIRECTS_MAX} times, last to ${next}; name the last address in the source`,
    { details: { source: policy.source, url: start } },
  );
}

async function ask(way: Way, url: URL, wanted: Wanted): Promise<PinnedAnswer> {
  const { options, policy, pacing, robots } = way;
  const { accept, bytesMax, signal, known } = wanted;
  signal.throwIfAborted();
  const pauseMs = robots === null ? 0 : await robots.pauseFor(url, signal);
  await pacing.pass(url.host, Math.max(policy.minimumIntervalMs, pauseMs), signal);
  const addresses = await checkAddresses(url, policy, {
    resolve: (host) => resolveInTime(options.resolve ?? resolveAll, host, policy.source, signal),
    allowLoopback: options.allowLoopback ?? false,
  });
  const headers = conditionOf(known ?? null, url);
  const request = { source: policy.source, url, addresses, accept, bytesMax, headers, signal };
  return requestPinned(request);
}

const resolveAll: Resolve = (host) => lookup(host, { all: true });

async function resolveInTime(
  resolve: Resolve,
  host: string,
  source: string,
  signal: AbortSignal,
): ReturnType<Resolve> {
  const over = new AbortController();
  const late = wait(RESOLVE_MS, undefined, { signal: AbortSignal.any([signal, over.signal]) }).then(
    () => Promise.reject(new Error(`no answer within ${RESOLVE_MS} ms`)),
  );
  try {
    return await Promise.race([resolve(host), late]);
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError(
      'WICK_ETL_VENUE_HTTP',
      `${source}: the name "${host}" could not be resolved: ${errorText(error)}`,
      { retryable: true, cause: error, details: { source, host } },
    );
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

function refusal(source: string, url: URL, answer: PinnedAnswer, clock: Clock): AppError {
  const { status, headers } = answer;
  const after = headers['retry-after'];
  const retryAfterMs = parseRetryAfter(typeof after === 'string' ? after : undefined, clock.now());
  const isBusy = status === TOO_MANY_REQUESTS || (status === UNAVAILABLE && retryAfterMs !== null);
  const start = answer.bytes.toString('latin1', 0, 80);
  return new AppError(
    isBusy ? 'WICK_ETL_VENUE_RATE_LIMITED' : 'WICK_ETL_VENUE_HTTP',
    `${source} refused GET ${url.href} with status ${status}: ${start}`,
    {
      retryable: status >= 500 || isBusy || status === 408,
      details: { source, url: url.href, status, retryAfterMs },
    },
  );
}
