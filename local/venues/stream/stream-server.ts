/**
 * The WebSocket side of the recorded venues, on the HTTP server that serves their REST. In: upgrades
 * below `/<venue>` and a beat. Out: each venue's frames, as the next planned faults let them through.
 * It knows no venue's protocol.
 */
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { errorText } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Market } from '../market.ts';
import { isVenueId, type VenueId } from '../venue-id.ts';
import type { Conversation, StreamProtocol, StreamSocket } from './conversation.ts';
import { isStrike, type StreamFault, type StreamFaultLine } from './stream-faults.ts';

export interface StreamVenue {
  readonly market: Market;
  readonly protocol: StreamProtocol;
  readonly faults: StreamFaultLine;
}

export interface StreamServerOptions {
  readonly server: Server;
  readonly venues: Readonly<Record<VenueId, StreamVenue>>;
  readonly wallClock: Clock;
  readonly logger: Logger;
}

export interface StreamServer {
  /** Tells every subscriber what is new. */
  tick(): void;
  /** Plans a fault, or strikes the connections that are open. @returns how many were struck. */
  strike(venue: VenueId, fault: StreamFault): number;
  /** Open connections of a venue. */
  connections(venue: VenueId): number;
  close(): void;
}

/** Open connections of all venues together. */
const CONNECTIONS_MAX = 500;
/** Longest frame of a client. */
const FRAME_BYTES_MAX = 256 * 1024;
/** A reader that lets so much wait is cut off. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;

interface Connection {
  readonly venue: VenueId;
  readonly webSocket: WebSocket;
  readonly conversation: Conversation;
  isSilent: boolean;
}

export function attachStreams(options: StreamServerOptions): StreamServer {
  const { server, venues, logger } = options;
  const connections = new Set<Connection>();
  // Pings are answered below: a silent connection does not.
  const accept = new WebSocketServer({
    noServer: true,
    maxPayload: FRAME_BYTES_MAX,
    autoPong: false,
  });

  server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    duplex.on('error', (error) => logger.debug({ reason: errorText(error) }, 'a socket failed'));
    const { venue, path, query } = readTarget(request.url ?? '/');
    if (venue === null || !venues[venue].protocol.serves(path)) return refuse(duplex, 404);
    if (connections.size >= CONNECTIONS_MAX) return refuse(duplex, 503);
    const status = venues[venue].faults.refuse();
    if (status !== null) return refuse(duplex, status);
    accept.handleUpgrade(request, duplex, head, (webSocket) => {
      connections.add(converse(options, { venue, path, query }, webSocket, connections));
    });
  });

  const openOf = (venue: VenueId): Connection[] =>
    [...connections].filter((each) => each.venue === venue);
  return {
    tick: () => {
      for (const { conversation } of connections) conversation.tick();
    },
    strike: (venue, fault) => {
      if (!isStrike(fault)) {
        venues[venue].faults.plan(fault);
        return 0;
      }
      const struck = openOf(venue);
      for (const connection of struck) {
        if (fault.kind === 'silence') connection.isSilent = true;
        else connection.webSocket.terminate();
      }
      return struck.length;
    },
    connections: (venue) => openOf(venue).length,
    close: () => {
      for (const { webSocket } of connections) webSocket.terminate();
      accept.close();
    },
  };
}

interface Target {
  readonly venue: VenueId;
  readonly path: string;
  readonly query: URLSearchParams;
}

function converse(
  { venues, wallClock, logger }: StreamServerOptions,
  { venue, path, query }: Target,
  webSocket: WebSocket,
  connections: Set<Connection>,
): Connection {
  const { market, protocol, faults } = venues[venue];
  const write = (frame: string): void => {
    if (connection.isSilent || webSocket.readyState !== webSocket.OPEN) return;
    if (webSocket.bufferedAmount > UNREAD_BYTES_MAX) return webSocket.terminate();
    webSocket.send(frame);
  };
  const socket: StreamSocket = {
    send: write,
    push: (frame) => {
      for (const each of faults.strike(frame)) write(each);
    },
    ping: () => {
      if (!connection.isSilent && webSocket.readyState === webSocket.OPEN) webSocket.ping();
    },
    close: (code, reason) => {
      webSocket.close(code, reason);
    },
  };
  const greetings: string[] = [];
  let conversing = false;
  const conversation = protocol.open({
    market,
    wallClock,
    path,
    query,
    socket: {
      ...socket,
      // What is said at once, before there is a connection to say it on.
      send: (frame) => (conversing ? write(frame) : void greetings.push(frame)),
    },
  });
  const connection: Connection = { venue, webSocket, conversation, isSilent: false };
  conversing = true;
  for (const frame of greetings) write(frame);
  webSocket.on('message', (data) => {
    if (!connection.isSilent) conversation.receive(textOf(data));
  });
  webSocket.on('ping', (data) => {
    if (!connection.isSilent) webSocket.pong(data);
  });
  webSocket.on('pong', () => {
    conversation.pong();
  });
  webSocket.on('error', (error) => {
    logger.debug({ venue, reason: errorText(error) }, 'a stream failed');
  });
  webSocket.on('close', () => connections.delete(connection));
  conversation.tick();
  return connection;
}

function readTarget(url: string): {
  readonly venue: VenueId | null;
  readonly path: string;
  readonly query: URLSearchParams;
} {
  const { pathname, searchParams } = new URL(url, 'http://recorded');
  const [, name = '', ...rest] = pathname.split('/');
  const path = `/${rest.join('/')}`.replace(/\/+$/, '');
  return { venue: isVenueId(name) ? name : null, path, query: searchParams };
}

function refuse(duplex: Duplex, status: number): void {
  const reason = STATUS_CODES[status] ?? 'Refused';
  duplex.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function textOf(data: RawData): string {
  if (data instanceof ArrayBuffer) return Buffer.from(data).toString('utf8');
  return (Array.isArray(data) ? Buffer.concat(data) : data).toString('utf8');
}
