/**
 * The transport that REST venues share, over `got`. In: a path and its weight. Out: the exact text of
 * a good answer and its JSON, or an AppError. Tries again a bounded number of times with growing,
 * jittered pauses, obeys Retry-After, and keeps the venue's rate gate informed; a venue that goes on
 * failing is left alone for a while (circuit breaker). It knows no venue: what a refusal means is the
 * venue's to explain.
 */
import { randomInt } from 'node:crypto';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import got, { RequestError, type Response } from 'got';
import { AppError, errorText } from '#core/errors.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import { createCircuit, type Circuit } from './circuit.ts';
import { createRateGate, PAUSE_MS_MAX, type RateGate, type Sleep } from './rate-gate.ts';
import type { SharedLimits } from './limits-shared.ts';
import type { WeightBudget } from './weight-budget.ts';

export interface VenueHttpOptions {
  /** Named in messages. */
  readonly venue: string;
  /** Scheme, host and port, for example `https://fapi.binance.com`. */
  readonly baseUrl: string;
  readonly clock: Clock;
  readonly budget: WeightBudget;
  /** What other processes use and were told; absent where this one is alone. */
  readonly shared?: SharedLimits | undefined;
  /** Says what a refusal means; its `retryable` decides whether we ask again. */
  readonly explainRefusal: (refusal: VenueRefusal) => AppError;
  /** The venue's own count of used weight, out of the answer's headers; null where it says none. */
  readonly readUsedWeight: (headers: VenueHeaders) => number | null;
  readonly timeoutMs?: number | undefined;
  readonly attemptsMax?: number | undefined;
  readonly sleep?: Sleep | undefined;
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
}

export type VenueHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface VenueRefusal {
  readonly status: number;
  /** `GET` or `POST`. */
  readonly method: string;
  readonly url: string;
  readonly text: string;
  /** How long the venue asks us to stay away; null where it does not say. */
  readonly retryAfterMs: number | null;
}

export interface VenueRequest {
  readonly path: string;
  readonly params?: Readonly<Record<string, string | number>> | undefined;
  /** Sent as JSON by POST; without one the request is a GET. */
  readonly post?: unknown;
  readonly weight: number;
  /** Reads the text of a good answer; `JSON.parse` by default. @throws SyntaxError */
  readonly parse?: ((text: string) => unknown) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VenueAnswer {
  /** With what was posted as its fragment, so that it names the answer. */
  readonly url: string;
  readonly fetchedAt: EpochMs;
  readonly body: string;
  /** The body, parsed. */
  readonly json: unknown;
  readonly weightUsed: number | null;
}

export interface VenueHttp {
  ask(request: VenueRequest): Promise<VenueAnswer>;
  close(): void;
}

const TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 5;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 15_000;
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const TOO_MANY_REQUESTS = 429;
const BANNED = 418;
/** Where the venue names no end: the shortest ban that is documented. */
const BAN_DEFAULT_MS = 120_000;
const PAUSE_DEFAULT_MS = 30_000;
/** The longest ban that is documented; whoever names more is asked again then. */
const RETRY_AFTER_MS_MAX = 3 * 24 * 60 * 60 * 1000;

type Attempt =
  | { readonly ok: true; readonly answer: VenueAnswer }
  | {
      readonly ok: false;
      readonly error: AppError;
      readonly again: boolean;
      /** The venue or the way to it is out of order. */
      readonly isOutage: boolean;
      /** At least this long before the next attempt. */
      readonly pauseMs: number;
    };

interface Channel {
  readonly options: VenueHttpOptions;
  readonly gate: RateGate;
  readonly circuit: Circuit;
  readonly agent: { readonly http: HttpAgent; readonly https: HttpsAgent };
}

export function createVenueHttp(options: VenueHttpOptions): VenueHttp {
  const { venue, logger } = options;
  const sleep: Sleep =
    options.sleep ?? ((ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }));
  const random = options.random ?? (() => randomInt(1_000_000) / 1_000_000);
  const attemptsMax = options.attemptsMax ?? ATTEMPTS_MAX;
  const { clock, budget } = options;
  const channel: Channel = {
    options,
    gate: createRateGate({ venue, clock, budget, sleep, shared: options.shared ?? null, logger }),
    circuit: createCircuit({ venue, logger }),
    agent: { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) },
  };
  const ask = async (request: VenueRequest): Promise<VenueAnswer> => {
    for (let attempt = 1; ; attempt += 1) {
      await channel.gate.pass(request.weight, request.signal);
      const result = await channel.circuit.pass(
        () => send(channel, request),
        (sent) => !sent.ok && sent.isOutage,
      );
      if (result.ok) return result.answer;
      if (!result.again || attempt >= attemptsMax) throw result.error;
      const ms = result.pauseMs + backoffMs(attempt, random());
      const reason = result.error.message;
      logger?.warn({ venue, attempt, attemptsMax, ms, reason }, 'the venue is asked again');
      await sleep(ms, request.signal);
    }
  };
  const close = (): void => {
    channel.circuit.close();
    channel.agent.http.destroy();
    channel.agent.https.destroy();
  };
  return { ask, close };
}

async function send(channel: Channel, request: VenueRequest): Promise<Attempt> {
  const { options } = channel;
  const target = new URL(`${options.baseUrl.replace(/\/+$/, '')}${request.path}`);
  for (const [name, value] of Object.entries(request.params ?? {})) {
    target.searchParams.set(name, String(value));
  }
  const posted = request.post === undefined ? undefined : JSON.stringify(request.post);
  const place = { method: posted === undefined ? 'GET' : 'POST', url: nameOf(target, posted) };
  try {
    const response = await fetchBytes(channel, target.href, posted, request.signal);
    const weightUsed = options.readUsedWeight(response.headers);
    if (weightUsed !== null) options.budget.observe(weightUsed);
    if (response.statusCode !== 200) return await refused(channel, place, response);
    return readAnswer(options, request, { ...place, bytes: response.body, weightUsed });
  } catch (error) {
    request.signal?.throwIfAborted();
    if (!(error instanceof RequestError)) throw error;
    const { method, url } = place;
    const message = `${options.venue} did not answer ${method} ${url}: ${errorText(error)}`;
    const failure = new AppError('WICK_ETL_VENUE_HTTP', message, {
      retryable: true,
      cause: error,
      details: { url, reason: error.code },
    });
    return { ok: false, error: failure, again: true, isOutage: true, pauseMs: 0 };
  }
}

/** What was asked, as people and lineage see it. */
interface Place {
  readonly method: string;
  readonly url: string;
}

function nameOf(target: URL, posted: string | undefined): string {
  return posted === undefined ? target.href : `${target.href}#${posted}`;
}

async function fetchBytes(
  { options, agent }: Channel,
  url: string,
  posted: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Response<Uint8Array>> {
  const tooLarge = new AbortController();
  const request = got(url, {
    responseType: 'buffer',
    throwHttpErrors: false,
    followRedirect: false,
    retry: { limit: 0 },
    timeout: { request: options.timeoutMs ?? TIMEOUT_MS },
    agent,
    signal: signal === undefined ? tooLarge.signal : AbortSignal.any([signal, tooLarge.signal]),
    ...(posted === undefined ? {} : { method: 'POST' as const, body: posted }),
    headers: {
      accept: 'application/json',
      'user-agent': 'wickstream',
      ...(posted === undefined ? {} : { 'content-type': 'application/json' }),
    },
  });
  void request.on('downloadProgress', (progress) => {
    if (progress.transferred > BODY_BYTES_MAX) tooLarge.abort();
  });
  return request;
}

function readAnswer(
  options: VenueHttpOptions,
  { parse }: VenueRequest,
  answer: Place & { readonly bytes: Uint8Array; readonly weightUsed: number | null },
): Attempt {
  const { method, url, bytes, weightUsed } = answer;
  const parsed = parseText(bytes, parse ?? JSON.parse);
  if (parsed.ok) {
    const { text: body, json } = parsed;
    const fetchedAt = options.clock.now();
    return { ok: true, answer: { url, fetchedAt, body, json, weightUsed } };
  }
  const error = new AppError(
    'WICK_ETL_VENUE_PAYLOAD',
    `${options.venue} answered ${method} ${url} with something that is not JSON (${parsed.reason}); ` +
      `it begins "${parsed.start}"; a proxy or an outage page may stand in between`,
    { retryable: true, details: { url, bytes: bytes.length } },
  );
  return { ok: false, error, again: true, isOutage: true, pauseMs: 0 };
}

async function refused(
  channel: Channel,
  { method, url }: Place,
  response: Response<Uint8Array>,
): Promise<Attempt> {
  const { options, gate } = channel;
  const status = response.statusCode;
  const text = Buffer.from(response.body).toString('utf8');
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], options.clock.now());
  const error = options.explainRefusal({ status, method, url, text, retryAfterMs });
  const isOutage = status >= 500;
  if (status === BANNED) {
    await gate.ban(retryAfterMs ?? BAN_DEFAULT_MS);
    return { ok: false, error, again: false, isOutage, pauseMs: 0 };
  }
  const pauseMs = retryAfterMs ?? (status === TOO_MANY_REQUESTS ? PAUSE_DEFAULT_MS : 0);
  if (status === TOO_MANY_REQUESTS) await gate.pause(pauseMs);
  const again = error.retryable && pauseMs <= PAUSE_MS_MAX;
  return { ok: false, error, again, isOutage, pauseMs };
}

/** Doubles; jittered over its upper half so that workers do not march in step. */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (attempt - 1));
  return Math.round((ceiling / 2) * (1 + random));
}

/** `Retry-After` in seconds or as an HTTP date; null where absent or unreadable. */
export function parseRetryAfter(value: string | undefined, now: EpochMs): number | null {
  if (value === undefined || value === '') return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? null : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms));
}

type JsonResult =
  | { readonly ok: true; readonly text: string; readonly json: unknown }
  | { readonly ok: false; readonly reason: string; readonly start: string };

/** Strict UTF-8, so that the kept text is the answer and not an approximation of it. */
function parseText(bytes: Uint8Array, parse: (text: string) => unknown): JsonResult {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const json = parse(text);
    return { ok: true, text, json };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    const start = Buffer.from(bytes).toString('utf8', 0, 80);
    return { ok: false, reason: error.message, start };
  }
}
