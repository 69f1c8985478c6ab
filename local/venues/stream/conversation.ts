/**
 * What a venue's protocol and the stream server are to each other. The server owns the socket, its
 * faults and the beat; the protocol owns frames and what they mean.
 */
import type { Clock } from '#core/time.ts';
import type { Market } from '../market.ts';

export interface StreamSocket {
  /** An answer or a greeting. */
  send(frame: string): void;
  /** Market data: the frames that faults may strike. */
  push(frame: string): void;
  /** A ping of the WebSocket protocol. */
  ping(): void;
  close(code: number, reason: string): void;
}

export interface Conversation {
  /** A text frame of the client. */
  receive(frame: string): void;
  /** The client's answer to a ping. */
  pong(): void;
  /** Tells what is new and ends what has lasted too long. */
  tick(): void;
}

export interface ConversationOptions {
  readonly market: Market;
  /** What a connection's age and silence are measured on. */
  readonly wallClock: Clock;
  readonly socket: StreamSocket;
  /** Within the venue, for example `/market/stream`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface StreamProtocol {
  /** Whether a stream is served at this path within the venue. */
  serves(path: string): boolean;
  open(options: ConversationOptions): Conversation;
}

/** The frame as JSON; undefined where it is none. */
export function parseFrame(frame: string): unknown {
  try {
    return JSON.parse(frame) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
