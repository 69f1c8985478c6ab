/**
 * How a recorded venue's answer leaves the server: as it is, or as the next planned fault makes it.
 * In: what the venue would say. Out: what arrives.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FaultLine, TransportFault } from './faults.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export const JSON_TYPE = 'application/json';

/** Sends the answer, or what becomes of it. Headers and type are set on the reply before. */
export function respond(
  request: FastifyRequest,
  reply: FastifyReply,
  faults: FaultLine,
  answer: Answer,
): FastifyReply {
  const fault = faults.take(request.url);
  if (fault !== undefined) return misbehave(request, reply, fault, answer);
  return reply.code(answer.status).send(answer.body);
}

/** The rows of an answer, as the next planned fault of rows arranges them. */
export function arrangeRows<T>(rows: readonly T[], faults: FaultLine): readonly T[] {
  const fault = rows.length === 0 ? undefined : faults.takeRowFault();
  if (fault === undefined) return rows;
  return fault.kind === 'duplicate' ? rows.flatMap((row) => [row, row]) : rows.toReversed();
}

function misbehave(
  request: FastifyRequest,
  reply: FastifyReply,
  fault: TransportFault,
  answer: Answer,
): FastifyReply {
  switch (fault.kind) {
    case 'refuse': {
      const { retryAfterSeconds } = fault;
      if (retryAfterSeconds !== undefined) reply.header('Retry-After', String(retryAfterSeconds));
      return reply
        .code(fault.status)
        .type(fault.contentType ?? JSON_TYPE)
        .send(fault.body ?? '');
    }
    case 'html':
      return reply.type('text/html').send('<html><body>Down for maintenance</body></html>');
    case 'truncate':
      return reply.send(answer.body.slice(0, Math.floor(answer.body.length / 2)));
    case 'hang':
      return reply.hijack();
    case 'cut':
      reply.hijack();
      request.raw.socket.destroy();
      return reply;
    default:
      return fault satisfies never;
  }
}
