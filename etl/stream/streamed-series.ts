/**
 * One series while it is streamed: what came, what has to be stored, what the venue has to be asked
 * about. In: candles in the order they were told, and the clock. Out: decisions. No socket and no
 * store is touched here.
 */
import type { Candle, Series } from '#core/candle.ts';
import { nextOpen, nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { StreamSeries } from '../extract/venue.ts';
import type { StreamedFrame } from '../load/store-streamed.ts';
import { isFarFrom } from '../transform/jump.ts';
import { haveSameValues } from './same-values.ts';

/** Ended candles that wait for the venue's answer; more would mean that it does not answer at all. */
const ENDED_MAX = 10_000;
/** Frames that wait to be stored, of one series. */
const FRAMES_MAX = 1_000;
/** Open candles are stored at most this often, ms. */
const RUNNING_EVERY_MS = 1_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 60_000;

export interface AskPlan {
  /** How long after its end the venue is asked for a candle, ms. */
  readonly delayMs: number;
  /** Candles that the stream itself told as closed are asked for together, so many at once. Default 1. */
  readonly every?: number | undefined;
  /** Which of them is asked at, so that not all series ask at the same moment. Default 0. */
  readonly phase?: number | undefined;
}

export class StreamedSeries {
  readonly source: StreamSeries;
  readonly series: Series;
  /** The venue has answered for everything before; its next question begins here. */
  #askedUntil: EpochMs;
  readonly #plan: { readonly delayMs: number; readonly every: number; readonly phase: number };
  readonly #ended = new Map<EpochMs, Candle>();
  #frames: StreamedFrame[] = [];
  #newest: Candle | null = null;
  /** The one before the newest. */
  #before: Candle | null = null;
  #running: Candle | null = null;
  #runningStoredAt = 0;
  /** Without a loss since; null while there is no connection. */
  #heldSince: EpochMs | null = null;
  #heardAt: EpochMs | null = null;
  /** Told as closed and not stored: only what follows can say whether they are true. */
  readonly #doubtful = new Set<EpochMs>();
  #retryAt = 0;
  #fruitless = 0;

  /** @param askedUntil first open time to ask for. */
  constructor(source: StreamSeries, askedUntil: EpochMs, plan: AskPlan) {
    const { exchange, marketType, symbol } = source.instrument;
    this.source = source;
    this.series = { exchange, marketType, symbol, interval: source.interval };
    this.#askedUntil = askedUntil;
    this.#plan = { delayMs: plan.delayMs, every: plan.every ?? 1, phase: plan.phase ?? 0 };
  }

  get askedUntil(): EpochMs {
    return this.#askedUntil;
  }

  /** When the stream last told anything about it; null before the first time. */
  get heardAt(): EpochMs | null {
    return this.#heardAt;
  }

  /** The connection stands, or has been lost: what was told in between is incomplete. */
  connection(isUp: boolean, now: EpochMs): void {
    this.#heldSince = isUp ? now : null;
    // Whatever fell into the hole is asked for at once.
    this.#retryAt = 0;
    this.#fruitless = 0;
  }

  /**
   * A candle was told. @returns false for one that says nothing new, and for one that jumps: whether
   * that is true only the venue's answer can tell, with what follows, so it is not stored from here.
   */
  take(candle: Candle, frame: string, receivedAt: EpochMs): boolean {
    this.#heardAt = receivedAt;
    const newest = this.#newest;
    const known = newest?.openTime === candle.openTime ? newest : this.#ended.get(candle.openTime);
    if (known !== undefined && isNoNews(known, candle)) return false;
    if (newest !== null && candle.openTime < newest.openTime) {
      // Told late: of candles that are over only what the venue calls closed counts.
      if (!candle.isClosed || candle.openTime < this.#askedUntil) return false;
    } else {
      if (newest !== null && newest.openTime < candle.openTime) {
        this.#end(newest);
        this.#before = newest;
      }
      this.#newest = candle;
      this.#running = candle.isClosed || this.#isJump(candle) ? null : candle;
    }
    if (candle.isClosed) this.#end(candle);
    if (this.#isJump(candle)) {
      if (candle.isClosed) this.#doubtful.add(candle.openTime);
      return false;
    }
    if (candle.isClosed) this.#push({ candle, rejects: [], frame, receivedAt });
    return true;
  }

  /** A frame that was refused goes to quarantine with the closed ones. */
  refuse(frame: StreamedFrame): void {
    this.#push(frame);
  }

  /** Hands over the frames to store, oldest first. */
  takeFrames(): readonly StreamedFrame[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  /** Puts frames back that could not be stored. */
  putBack(frames: readonly StreamedFrame[]): void {
    this.#frames = [...frames, ...this.#frames].slice(-FRAMES_MAX);
  }

  /** Hands over the running candle, where it changed and its time has come. */
  takeRunning(now: EpochMs): Candle | null {
    const running = this.#running;
    if (running === null || now - this.#runningStoredAt < RUNNING_EVERY_MS) return null;
    this.#running = null;
    this.#runningStoredAt = now;
    return running;
  }

  /**
   * The range that the venue has to be asked about now; null where nothing is due. A candle that the
   * stream did not tell as closed is due as soon as it is over, so a silent stream is noticed with the
   * first candle. Those that it did tell are stored, and may wait for others to be asked for with them.
   */
  due(now: EpochMs): { readonly from: EpochMs; readonly to: EpochMs } | null {
    if (now < this.#retryAt) return null;
    const { interval } = this.series;
    if (now < nextOpen(interval, this.#askedUntil) + this.#plan.delayMs) return null;
    if (this.#mayWait(now)) return null;
    return { from: this.#askedUntil, to: lastEnd(interval, this.#askedUntil, now) };
  }

  #mayWait(now: EpochMs): boolean {
    const { every, phase, delayMs } = this.#plan;
    if (every === 1 || this.#fruitless > 0) return false;
    const { interval } = this.series;
    const end = lastEnd(interval, this.#askedUntil, epochMs(now - delayMs));
    let waiting = 0;
    for (let open = this.#askedUntil; open < end; open = nextOpen(interval, open)) {
      waiting += 1;
      if (waiting >= every || !this.#isStored(open)) return false;
    }
    return (Math.floor(end / nominalWidthMs(interval)) + phase) % every !== 0;
  }

  /** Told as closed, and nothing spoke against storing it. */
  #isStored(openTime: EpochMs): boolean {
    return this.ended(openTime)?.isClosed === true && !this.#doubtful.has(openTime);
  }

  /** What the stream told last of a candle that is over. */
  ended(openTime: EpochMs): Candle | undefined {
    return this.#newest?.openTime === openTime ? this.#newest : this.#ended.get(openTime);
  }

  /** Candles of a range that the venue itself called closed. */
  saidClosed(from: EpochMs, to: EpochMs): Candle[] {
    return [...this.#ended.values()].filter(
      ({ isClosed, openTime }) => isClosed && openTime >= from && openTime < to,
    );
  }

  /** Whether the stream stood without a loss during all of a candle. */
  wasHeld(openTime: EpochMs): boolean {
    return this.#heldSince !== null && this.#heldSince <= openTime;
  }

  /** The venue answered up to here; without progress the next question waits longer and longer. */
  answered(until: EpochMs | null, now: EpochMs): void {
    if (until === null || until <= this.#askedUntil) {
      this.#fruitless += 1;
      const ms = RETRY_FIRST_MS * 2 ** Math.min(this.#fruitless - 1, 10);
      this.#retryAt = now + Math.min(RETRY_MAX_MS, ms);
      return;
    }
    this.#fruitless = 0;
    this.#retryAt = 0;
    this.#askedUntil = until;
    for (const openTime of this.#ended.keys()) if (openTime < until) this.#ended.delete(openTime);
    for (const openTime of this.#doubtful) if (openTime < until) this.#doubtful.delete(openTime);
  }

  /** How often in a row the venue had nothing new, or did not answer. */
  get fruitless(): number {
    return this.#fruitless;
  }

  /** Beyond the bound the oldest go: the venue's answers bring their candles as well. */
  #push(frame: StreamedFrame): void {
    this.#frames.push(frame);
    if (this.#frames.length > FRAMES_MAX) this.#frames.shift();
  }

  #isJump(candle: Candle): boolean {
    return this.#before !== null && isFarFrom(candle, this.#before);
  }

  #end(candle: Candle): void {
    if (candle.openTime < this.#askedUntil) return;
    this.#ended.set(candle.openTime, candle);
    if (this.#ended.size > ENDED_MAX) {
      const [oldest] = this.#ended.keys();
      if (oldest !== undefined) this.#ended.delete(oldest);
    }
  }
}

/** The end of the last candle that is over, counted on from an open time. */
function lastEnd(interval: Interval, openTime: EpochMs, now: EpochMs): EpochMs {
  let end = openTime;
  if (interval !== '1M') {
    const width = nextOpen(interval, openTime) - openTime;
    return epochMs(openTime + Math.floor((now - openTime) / width) * width);
  }
  for (let next = nextOpen(interval, end); next <= now; next = nextOpen(interval, end)) end = next;
  return end;
}

/** The same again, or an open one after the closed one. */
function isNoNews(known: Candle, candle: Candle): boolean {
  if (known.isClosed && !candle.isClosed) return true;
  return known.isClosed === candle.isClosed && haveSameValues(known, candle);
}
