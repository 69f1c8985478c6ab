/**
 * The small HTTP face of a process that serves nothing else: is it alive, does it work, its metrics.
 * `/health/ready` answers 503 with reasons until every check passes; a check that hangs has failed,
 * so an answer always comes.
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
  /** A check that takes longer has failed. */
  readonly checkTimeoutMs?: number;
}

/** Below the 5 s that health checks of containers usually allow. */
const CHECK_TIMEOUT_MS = 3_000;

/** Listens; `close()` stops it. */
export async function startHealth(options: HealthOptions): Promise<FastifyInstance> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.get('/health/live', () => ({ status: 'ok' }));
  app.get('/health/ready', async (_request, reply) => {
    const failing = await failures(options);
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

/** Reasons by the name of the check; all checks run at once. */
async function failures(options: HealthOptions): Promise<Record<string, string>> {
  const timeoutMs = options.checkTimeoutMs ?? CHECK_TIMEOUT_MS;
  const failing: Record<string, string> = {};
  await Promise.all(
    Object.entries(options.checks).map(async ([name, check]) => {
      const { promise: late, resolve } = Promise.withResolvers<string>();
      const timer = setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs);
      const reason = await Promise.race([outcome(check), late]);
      clearTimeout(timer);
      if (reason !== null) failing[name] = reason;
    }),
  );
  return failing;
}

/** Null when the check passes, else why it does not. */
async function outcome(check: () => boolean | Promise<boolean>): Promise<string | null> {
  try {
    return (await check()) ? null : 'not yet';
  } catch (error) {
    return errorText(error);
  }
}
