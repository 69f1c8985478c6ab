/**
 * The small HTTP face of a process that serves nothing else: is it alive, does it work, its metrics.
 * `/health/ready` answers 503 with reasons until every check passes.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { errorText } from '#core/errors.ts';
import type { Metrics } from './metrics.ts';

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Metrics;
  /** By name; a check that throws or returns false is not ready. */
  readonly checks: Readonly<Record<string, () => boolean | Promise<boolean>>>;
}

/** Listens; `close()` stops it. */
export async function startHealth(options: HealthOptions): Promise<FastifyInstance> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.get('/health/live', () => ({ status: 'ok' }));
  app.get('/health/ready', async (_request, reply) => {
    const failing: Record<string, string> = {};
    for (const [name, check] of Object.entries(options.checks)) {
      try {
        if (!(await check())) failing[name] = 'not yet';
      } catch (error) {
        failing[name] = errorText(error);
      }
    }
    const ready = Object.keys(failing).length === 0;
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'unavailable', failing });
  });
  app.get('/metrics', async (_request, reply) => {
    const text = await options.metrics.registry.metrics();
    return reply.type(options.metrics.registry.contentType).send(text);
  });
  await app.listen({ host: options.host, port: options.port });
  return app;
}
