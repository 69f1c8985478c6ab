/**
 * Streams series of one venue into the store until it is stopped. In: an open adapter and what to
 * stream. Out: candles as they form (running ones at most once a second, closed ones at once), every
 * hole of a lost connection asked for and filled by the venue's own answers, every disagreement
 * between stream and answers on record. It works without the stream too, only later: each candle is
 * asked for once it is over, so a socket that is open and silent costs seconds and not data.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { seriesKey, type Candle, type Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { nextOpen } from '#core/interval.ts';
import { epochMs, type Clock, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import { openSocket, type Socket } from '../extract/socket.ts';
import type { StreamMessage, StreamSeries, VenueAdapter, VenueStream } from '../extract/venue.ts';
import { SharedRun } from '../load/shared-run.ts';
import { storeRunning, storeStreamed } from '../load/store-streamed.ts';
import { validateCandle } from '../transform/validate.ts';
import type { AskReport } from './ask-venue.ts';
import { Sentinel } from './sentinel.ts';
import { StreamedSeries } from './streamed-series.ts';

export interface StreamOptions {
  readonly adapter: VenueAdapter;
  readonly pool: Pool;
  readonly series: readonly StreamStart[];
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told of what happens; must not throw. */
  readonly on?: StreamListener | undefined;
  /** How long after its end the venue is asked for a candle, ms. Default 3,000. */
  readonly askDelayMs?: number | undefined;
  /** So many candles that the stream told as closed are asked for at once. Default 1. */
  readonly askEvery?: number | undefined;
}

/** A series, and where the venue's answers begin. */
export interface StreamStart extends StreamSeries {
  readonly from: EpochMs;
}

export interface StreamListener {
  candle?(candle: Candle): void;
  asked?(series: Series, report: AskReport): void;
  /** The connections of this venue that stand. */
  connections?(open: number): void;
  lost?(reason: string): void;
}

/** Name that streamed candles are recorded under. */
const JOB = 'stream';
const ASK_DELAY_MS = 3_000;
const WRITE_POLL_MS = 100;
const ASK_POLL_MS = 250;
/** How much our clock may be behind a venue that does not tell its own. */
const SKEW_MS_MAX = 5_000;
/** A connection that told nothing of a series for this many of its intervals is given up, … */
const SILENT_INTERVALS_MAX = 3;
/** … and not before this long, ms. */
const SILENT_MS_MIN = 90_000;

/**
 * Resolves when the signal is aborted and everything in hand is stored.
 * @throws AppError WICK_ETL_STREAM_FAILED where the venue has no stream or refuses what was asked,
 * WICK_ETL_UNSUPPORTED for an interval that it does not stream.
 */
export async function runStream(options: StreamOptions): Promise<void> {
  const { adapter } = options;
  const { stream } = adapter;
  if (stream === null) {
    throw new AppError('WICK_ETL_STREAM_FAILED', `${adapter.id} has no stream; collect it instead`);
  }
  for (const { interval } of options.series) {
    if (stream.intervals.includes(interval)) continue;
    throw new AppError(
      'WICK_ETL_UNSUPPORTED',
      `${adapter.id} does not stream interval "${interval}"; it streams ${stream.intervals.join(', ')}; others can be collected`,
    );
  }
  const parts: StreamStart[][] = [];
  for (let at = 0; at < options.series.length; at += stream.seriesMax) {
    parts.push(options.series.slice(at, at + stream.seriesMax));
  }
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const open = new Set<Feed>();
  const tell = (): void => options.on?.connections?.([...open].filter((feed) => feed.isUp).length);
  const results = await Promise.allSettled(
    parts.map(async (series) => {
      const feed = new Feed({ ...options, series, signal }, stream, tell);
      open.add(feed);
      try {
        await feed.run();
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** One connection and its series. */
class Feed {
  readonly #options: StreamOptions;
  readonly #stream: VenueStream;
  readonly #url: string;
  readonly #states: readonly StreamedSeries[];
  readonly #byKey: ReadonlyMap<string, StreamedSeries>;
  readonly #runs: ReadonlyMap<StreamedSeries, SharedRun>;
  readonly #sentinel: Sentinel;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #tell: () => void;
  #sequence: number | null = null;
  #upSince: EpochMs | null = null;
  isUp = false;

  constructor(options: StreamOptions, stream: VenueStream, tell: () => void) {
    this.#options = options;
    this.#stream = stream;
    this.#tell = tell;
    this.#url = stream.url(options.series);
    const delayMs = options.askDelayMs ?? ASK_DELAY_MS;
    this.#states = options.series.map(
      ({ from, ...each }, phase) =>
        new StreamedSeries(each, from, { delayMs, every: options.askEvery, phase }),
    );
    this.#byKey = new Map(this.#states.map((state) => [seriesKey(state.series), state]));
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    const shared = { ...options, signal: this.#signal };
    this.#runs = new Map(
      this.#states.map((state) => [
        state,
        new SharedRun({ ...shared, job: JOB, series: state.series }),
      ]),
    );
    this.#sentinel = new Sentinel(this.#states, {
      ...shared,
      onAsked: ({ series }, report) => options.on?.asked?.(series, report),
    });
  }

  async run(): Promise<void> {
    const { clock, random, logger, series } = this.#options;
    const socket = openSocket({
      venue: this.#options.adapter.id,
      url: this.#url,
      subscribe: this.#stream.subscribe(series),
      keepAlive: this.#stream.keepAlive,
      silenceMsMax: this.#stream.silenceMsMax,
      lifetimeMsMax: this.#stream.lifetimeMsMax,
      clock,
      random,
      logger,
      signal: this.#signal,
    });
    const work = [this.#read(socket), this.#write(), this.#ask(socket)].map(async (part) => {
      try {
        await part;
      } catch (error) {
        this.#stop.abort(error);
        throw error;
      }
    });
    const results = await Promise.allSettled(work);
    await this.#closeRuns();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #read(socket: Socket): Promise<void> {
    for await (const event of socket.events) {
      switch (event.kind) {
        case 'opened':
          this.#connection(true);
          break;
        case 'lost':
          this.#connection(false);
          this.#options.on?.lost?.(event.reason);
          break;
        case 'frame':
          for (const message of this.#stream.read(event.text, {
            series: this.#options.series,
            receivedAt: event.receivedAt,
          })) {
            this.#take(message, event.text, event.receivedAt, socket);
          }
          break;
        default:
          event satisfies never;
      }
    }
  }

  #connection(isUp: boolean): void {
    const now = this.#options.clock.now();
    this.isUp = isUp;
    this.#upSince = isUp ? now : null;
    this.#sequence = null;
    for (const state of this.#states) state.connection(isUp, now);
    if (!isUp) for (const run of this.#runs.values()) run.renew();
    this.#tell();
  }

  #take(message: StreamMessage, frame: string, receivedAt: EpochMs, socket: Socket): void {
    switch (message.kind) {
      case 'subscribed':
        return;
      case 'sequence':
        if (this.#sequence !== null && message.number > this.#sequence + 1) {
          const lost = message.number - this.#sequence - 1;
          socket.drop(`${lost} frames are missing before number ${message.number}`);
        }
        this.#sequence = Math.max(message.number, this.#sequence ?? message.number);
        return;
      case 'refused':
        throw new AppError(
          'WICK_ETL_STREAM_FAILED',
          `${this.#options.adapter.id} refuses to stream what was asked: ${message.reason}`,
        );
      case 'reject': {
        const { finding, series } = message;
        this.#refuse(series, { finding, openTime: null, frame, receivedAt });
        return;
      }
      case 'candle':
        this.#takeCandle(message.candle, message.venueTime, frame, receivedAt);
        return;
      default:
        message satisfies never;
    }
  }

  #takeCandle(candle: Candle, venueTime: EpochMs | null, frame: string, receivedAt: EpochMs): void {
    const state = this.#byKey.get(seriesKey(candle));
    if (state === undefined) return;
    // The venue's clock says what is over; where it does not tell, ours does, which may be a little slow.
    const now = venueTime ?? epochMs(receivedAt + SKEW_MS_MAX);
    const problem = validateCandle(candle, now);
    if (problem !== null) {
      const { openTime } = candle;
      this.#refuse(candle, { finding: problem, openTime, frame, receivedAt });
      return;
    }
    if (state.take(candle, frame, receivedAt)) this.#options.on?.candle?.(candle);
  }

  #refuse(
    series: Series | null,
    refused: {
      readonly finding: Extract<StreamMessage, { kind: 'reject' }>['finding'];
      readonly openTime: EpochMs | null;
      readonly frame: string;
      readonly receivedAt: EpochMs;
    },
  ): void {
    const { finding, openTime, frame, receivedAt } = refused;
    const { reason, detail } = finding;
    const found = series === null ? undefined : this.#byKey.get(seriesKey(series));
    // A frame that names no series is kept under the first one of its connection.
    const state = found ?? this.#states[0];
    if (state === undefined) return;
    const reject = { series: state.series, openTime, reason, detail, index: 0, rawRow: frame };
    state.refuse({ candle: null, rejects: [reject], frame, receivedAt });
  }

  async #write(): Promise<void> {
    for (;;) {
      await this.#writeOnce();
      if (this.#signal.aborted) return;
      await pause(WRITE_POLL_MS, this.#signal);
    }
  }

  async #writeOnce(): Promise<void> {
    const { pool, clock, logger, signal } = this.#options;
    try {
      for (const [state, run] of this.#runs) {
        const frames = state.takeFrames();
        if (frames.length === 0) continue;
        try {
          await storeStreamed(pool, state.series, { run, url: this.#url }, frames);
        } catch (error) {
          state.putBack(frames);
          throw error;
        }
      }
      const now = clock.now();
      const running = this.#states.flatMap((state) => state.takeRunning(now) ?? []);
      if (running.length > 0) await storeRunning(pool, running);
    } catch (error) {
      // Closed candles wait and are tried again; the venue's answers would bring them as well.
      if (!isPassing(error) || signal.aborted) throw error;
      logger.warn({ err: errorText(error) }, 'streamed candles not stored; trying again');
      await pause(1_000, this.#signal);
    }
  }

  async #ask(socket: Socket): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#sentinel.look();
      this.#dropIfSilent(socket);
      await pause(ASK_POLL_MS, this.#signal);
    }
  }

  /** What was stored is stored; a record that cannot be closed now is closed as a dead process' one. */
  async #closeRuns(): Promise<void> {
    try {
      for (const run of this.#runs.values()) await run.close();
      await this.#sentinel.close();
    } catch (error) {
      this.#options.logger.warn({ err: errorText(error) }, 'records of runs stay open');
    }
  }

  /** An open connection that tells nothing of a series that trades is of no use. */
  #dropIfSilent(socket: Socket): void {
    if (this.#upSince === null) return;
    const now = this.#options.clock.now();
    for (const state of this.#states) {
      const since = Math.max(this.#upSince, state.heardAt ?? 0);
      const interval = nextOpen(state.series.interval, state.askedUntil) - state.askedUntil;
      const allowed = Math.max(SILENT_MS_MIN, SILENT_INTERVALS_MAX * interval);
      // The venue must have answered with candles meanwhile, or nothing was there to be told.
      if (now - since <= allowed || state.askedUntil <= since) continue;
      this.#upSince = now;
      socket.drop(`nothing told of ${seriesKey(state.series)} for ${allowed} ms`);
      return;
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** Postgres was out of reach or busy. */
function isPassing(error: unknown): boolean {
  return !(error instanceof AppError) || error.retryable;
}
