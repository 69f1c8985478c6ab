/**
 * Faults by hand: `GET /faults` says what is lined up for each venue, `POST /faults` changes it. The
 * server listens on loopback only. For example
 *
 *     curl -H 'content-type: application/json' http://127.0.0.1:PORT/faults -d '{
 *       "venue": "coinbase",
 *       "plan": [{"kind": "refuse", "status": 429, "retryAfterSeconds": 5, "on": "/candles"}],
 *       "amend": [{"kind": "hole", "symbol": "BTC-USD", "from": 1522800000000, "to": 1522803600000}],
 *       "strike": [{"kind": "drop", "frames": 3}],
 *       "clear": true
 *     }'
 *
 * `clear` comes first, then the rest in this order. What there is: `plan` in `faults.ts`, `amend` in
 * `amendments.ts`, `strike` in `stream/stream-faults.ts`. A body that is not understood is answered
 * with 400, which says where, and changes nothing.
 */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { AMENDMENT } from './amendments.ts';
import { FAULT } from './faults.ts';
import { STREAM_FAULT } from './stream/stream-faults.ts';
import type { VenueFaults } from './venue-faults.ts';
import { VENUE_IDS, type VenueId } from './venue-id.ts';

const ITEMS = { maxItems: 10_000 };

const ORDER = Compile(
  Type.Object(
    {
      venue: Type.Enum([...VENUE_IDS]),
      plan: Type.Optional(Type.Array(FAULT, ITEMS)),
      amend: Type.Optional(Type.Array(AMENDMENT, ITEMS)),
      strike: Type.Optional(Type.Array(STREAM_FAULT, ITEMS)),
      clear: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
);

export function addFaultRoutes(
  server: FastifyInstance,
  faults: Readonly<Record<VenueId, VenueFaults>>,
): void {
  const state = (): object =>
    Object.fromEntries(VENUE_IDS.map((id) => [id, faults[id].state()] as const));
  server.get('/faults', () => state());
  server.post('/faults', (request, reply) => {
    const order = request.body;
    if (!ORDER.Check(order)) {
      const [first] = ORDER.Errors(order);
      const where = first === undefined ? '' : `${first.instancePath || '/'}: ${first.message}`;
      return reply.code(400).send({ message: `the order is not understood: ${where}` });
    }
    const venue = faults[order.venue];
    if (order.clear === true) venue.clear();
    venue.plan(...(order.plan ?? []));
    venue.amend(...(order.amend ?? []));
    const struck = venue.strike(...(order.strike ?? []));
    return { struck, ...state() };
  });
}
