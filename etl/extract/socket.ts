/**
 * The transport that streaming venues share, over `ws`. In: an address, what to say, how long silence
 * may last. Out: what happens, in order: opened, frames, lost. It connects again for as long as it is
 * wanted, with growing jittered pauses; a connection that tells nothing, not even a pong, is dead, and
 * one that grows old is replaced. It knows no venue and repairs nothing: whoever reads it learns of
 * every loss.
 */
import { setTimeout as wait } from 'node:timers/promises';
import WebSocket from 'ws';
import { errorText } from '#core/errors.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Sleep } from './rate-gate.ts';

export interface SocketOptions {
  /** Named in messages. */
  readonly venue: string;
  readonly url: string;
  /** Frames to send once connected. */
  readonly subscribe: readonly string[];
  /** What keeps the connection alive beside the protocol's own pings; null for nothing. */
  readonly keepAlive: { readonly frame: string; readonly everyMs: number } | null;
  /** Without a frame, ping or pong for this long the connection is dead, ms. */
  readonly silenceMsMax: number;
  /** A connection is replaced after this long, ms. */
  readonly lifetimeMsMax: number;
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  readonly sleep?: Sleep | undefined;
  readonly logger?: Logger | undefined;
  readonly signal: AbortSignal;
}

export type SocketEvent =
  /** Connected and asked; counts up from 1. */
  | { readonly kind: 'opened'; readonly connection: number }
  | { readonly kind: 'frame'; readonly text: string; readonly receivedAt: EpochMs }
  /** Whatever was said since the last frame is lost; a new connection is on its way. */
  | { readonly kind: 'lost'; readonly reason: string };

/** What a reader may do to a socket. */
export interface Socket {
  /** Ends with the signal only. */
  readonly events: AsyncGenerator<SocketEvent, void, undefined>;
  /** Gives up the connection at hand: it is open and useless. */
  drop(reason: string): void;
}

const CONNECT_TIMEOUT_MS = 15_000;
const PAUSE_FIRST_MS = 500;
const PAUSE_MAX_MS = 30_000;
/** A connection that held this long was a good one: the next pause is short again. */
const GOOD_MS = 60_000;
/** A reader that is this far behind has lost the present; the hole is repaired by asking. */
const FRAMES_WAITING_MAX = 20_000;
const FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** Pings per allowed silence, so that one lost pong is not the end. */
const PINGS_PER_SILENCE = 3;

export function openSocket(options: SocketOptions): Socket {
  let connected: Connection | null = null;
  async function* events(): AsyncGenerator<SocketEvent, void, undefined> {
    const sleep: Sleep =
      options.sleep ??
      ((ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }));
    let failures = 0;
    for (let connection = 1; !options.signal.aborted; connection += 1) {
      const current = new Connection(options);
      connected = current;
      const openedAt = options.clock.now();
      try {
        yield* current.events(connection);
      } finally {
        connected = null;
        current.close();
      }
      if (options.signal.aborted) return;
      yield { kind: 'lost', reason: current.reason };
      failures = options.clock.now() - openedAt >= GOOD_MS ? 0 : failures + 1;
      const ceiling = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** Math.min(failures, 10));
      const ms = Math.round((ceiling / 2) * (1 + options.random()));
      const { venue, logger } = options;
      logger?.warn({ venue, reason: current.reason, ms }, 'stream lost; connecting again');
      await sleep(ms, options.signal).catch((error: unknown) => {
        if (!options.signal.aborted) throw error;
      });
    }
  }
  return { events: events(), drop: (reason) => connected?.end(reason) };
}

/** One connection, from the first packet to its end. */
class Connection {
  readonly #options: SocketOptions;
  readonly #socket: WebSocket;
  readonly #waiting: SocketEvent[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #wake: (() => void) | null = null;
  /** Looks in a row at which nothing had been heard since the last. */
  #unheard = 0;
  #ended = false;
  reason = 'closed by the venue';

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#socket = new WebSocket(options.url, {
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      maxPayload: FRAME_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
      headers: { 'user-agent': 'wickstream' },
    });
  }

  async *events(connection: number): AsyncGenerator<SocketEvent, void, undefined> {
    const { signal } = this.#options;
    const abort = (): void => this.end('stopped');
    signal.addEventListener('abort', abort, { once: true });
    this.#listen(connection);
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        if (this.#ended || signal.aborted) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Ends it; the first reason counts. What was received before is still told. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.reason = reason;
    this.close();
    this.#tell();
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.length = 0;
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#socket.terminate();
  }

  #listen(connection: number): void {
    const socket = this.#socket;
    socket.on('open', () => {
      this.#start();
      this.#push({ kind: 'opened', connection });
    });
    socket.on('message', (data, isBinary) => {
      const receivedAt = this.#heard();
      if (isBinary) this.end('a binary frame, which no venue documents');
      else this.#push({ kind: 'frame', text: textOf(data), receivedAt });
    });
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => this.#heard());
    socket.on('error', (error) => this.end(errorText(error)));
    socket.on('close', (code, reason) => {
      const said = reason.toString('utf8');
      this.end(`closed with ${code}${said === '' ? '' : ` "${said}"`}`);
    });
  }

  #start(): void {
    const { subscribe, keepAlive, silenceMsMax, lifetimeMsMax, clock } = this.#options;
    for (const frame of subscribe) this.#socket.send(frame);
    const openedAt = clock.now();
    // Looks are counted and not time: a process that was held up finds what came meanwhile first.
    const look = (): void => {
      const now = clock.now();
      this.#unheard += 1;
      if (this.#unheard > PINGS_PER_SILENCE) this.end(`nothing heard for ${silenceMsMax} ms`);
      else if (now - openedAt >= lifetimeMsMax)
        this.end(`as old as it may get, ${lifetimeMsMax} ms`);
      else this.#socket.ping();
    };
    this.#every(Math.max(1, Math.floor(silenceMsMax / PINGS_PER_SILENCE)), look);
    if (keepAlive !== null) {
      this.#every(keepAlive.everyMs, () => this.#socket.send(keepAlive.frame));
    }
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(
      setInterval(() => {
        if (this.#socket.readyState === WebSocket.OPEN) work();
      }, ms),
    );
  }

  #heard(): EpochMs {
    this.#unheard = 0;
    return this.#options.clock.now();
  }

  #push(event: SocketEvent): void {
    if (this.#ended) return;
    if (this.#waiting.length >= FRAMES_WAITING_MAX) {
      this.end(`${FRAMES_WAITING_MAX} frames wait to be read`);
      return;
    }
    this.#waiting.push(event);
    this.#tell();
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function textOf(data: WebSocket.RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
}
