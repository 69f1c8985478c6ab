/**
 * The scheduler process: reads which jobs there are, opens what they need and runs them until it is
 * told to end. Wires only; when a job runs is decided in runner.ts, what it does by its kind.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { systemClock } from '#platform/clock.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import { startHealth } from '#platform/health.ts';
import { runProcess, type Lifecycle } from '#platform/lifecycle.ts';
import { createLogger } from '#platform/logger.ts';
import { createMetrics, type Metrics } from '#platform/metrics.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import { createRedis } from '#platform/redis.ts';
import { createSharedLimits } from '../etl/index.ts';
import { resolveJobs } from './declared-jobs.ts';
import { JOB_KINDS } from './job-kinds.ts';
import type { Job, JobServices, Work } from './job.ts';
import { readJobsFile } from './jobs-file.ts';
import { createRunner, type JobEnd } from './runner.ts';
import { createVenues } from './venues.ts';
import { Watermarks } from './watermarks.ts';

/** Jobs at once, each with its lock, and what they store with. */
const POSTGRES_CONNECTIONS = 32;

const config = loadConfig();
const logger = createLogger('scheduler', config.LOG_LEVEL);

await runProcess(logger, async (lifecycle) => {
  const services = await openServices(config, lifecycle);
  const jobs = await declaredJobs(services);
  const metrics = createMetrics('scheduler');
  const runner = createRunner({
    pool: services.pool,
    jobs: jobs.map((job) => ({ job, work: prepare(job, services) })),
    worker: `${hostname()}:${process.pid}`,
    clock: systemClock,
    logger,
    signal: lifecycle.signal,
    onEnd: countEnds(metrics),
  });
  const checks = jobs.map(({ name }) => [name, () => runner.isHealthy(name)] as const);
  const health = await startHealth({
    host: config.HTTP_HOST,
    port: config.SCHEDULER_HTTP_PORT,
    metrics,
    checks: Object.fromEntries(checks),
  });
  lifecycle.onClose('health', () => health.close());
  logger.info(
    { jobs: jobs.map(({ name }) => name), file: config.SCHEDULER_JOBS },
    'scheduler started',
  );
  await runner.run();
});

async function openServices(settings: Config, lifecycle: Lifecycle): Promise<JobServices> {
  const pool = createPostgresPool(
    { ...postgresOptions(settings, 'wickstream-scheduler'), connectionsMax: POSTGRES_CONNECTIONS },
    (error) => logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  lifecycle.onClose('postgres', () => pool.end());
  const redis = createRedis(settings, (error) => logger.debug({ err: error.message }, 'redis'));
  lifecycle.onClose('redis', async () => redis.disconnect());
  await redis.connect().catch((error: Error) => {
    logger.warn({ err: error.message }, 'redis is away; going on without its cache');
  });
  const shared = createSharedLimits(redis, systemClock, logger);
  const venues = createVenues({ config: settings, clock: systemClock, shared, logger });
  lifecycle.onClose('venues', async () => venues.close());
  const watermarks = new Watermarks(pool, redis, logger);
  return { config: settings, pool, venues, watermarks, clock: systemClock, logger };
}

async function declaredJobs(services: JobServices): Promise<readonly Job[]> {
  const path = resolve(import.meta.dirname, '..', services.config.SCHEDULER_JOBS);
  const venueOf = (exchange: string) => services.venues.open(exchange);
  return resolveJobs(await readJobsFile(path), {
    kinds: JOB_KINDS,
    config: services.config,
    venueOf,
  });
}

function prepare(job: Job, services: JobServices): Work {
  const kind = JOB_KINDS.get(job.kind);
  if (kind === undefined) throw new Error(`a job of kind "${job.kind}" passed the check`);
  return kind.prepare(job, services);
}

/** What people watch, by job. */
function countEnds(metrics: Metrics): (end: JobEnd) => void {
  const labels = ['job'];
  const runs = metrics.counter('job_runs_total', 'Attempts that ended', ['job', 'state']);
  const rows = metrics.counter('job_rows_total', 'Rows stored or changed', labels);
  const seconds = metrics.gauge('job_last_seconds', 'How long the last attempt took', labels);
  const done = metrics.gauge('job_last_done_seconds', 'When it was last done, epoch', labels);
  const candles = metrics.counter('collect_candles_total', 'Candles stored by jobs that collect');
  const failures = metrics.counter('collect_failures_total', 'Series that could not be collected');
  const proofs = countProofs(metrics);
  return ({ job, state, outcome, ms }) => {
    runs.inc({ job: job.name, state });
    rows.inc({ job: job.name }, outcome?.wrote ?? 0);
    seconds.set({ job: job.name }, ms / 1000);
    if (state === 'done') done.set({ job: job.name }, systemClock.now() / 1000);
    if (job.kind === 'reconcile' && outcome !== null) proofs(job.name, outcome.report, ms);
    if (job.kind !== 'collect') return;
    candles.inc(outcome?.wrote ?? 0);
    failures.inc(Number(outcome?.report['failed'] ?? 0));
  };
}

/** What a proof said, by job: a bucket is a series on a day. */
function countProofs(
  metrics: Metrics,
): (job: string, report: Readonly<Record<string, unknown>>, ms: number) => void {
  const gauge = (name: string, help: string) => metrics.gauge(`reconcile_${name}`, help, ['job']);
  const compared = gauge('buckets', 'Series and days that the last proof compared');
  const differing = gauge('buckets_differing', 'Series and days that differed in it');
  const unsettled = gauge('buckets_unsettled', 'Series and days that would not hold still in it');
  const seconds = gauge('seconds', 'How long it took, with its waits');
  const at = gauge('last_proof_seconds', 'When a proof last came to an end, epoch');
  const equalAt = gauge('last_equal_seconds', 'When both stores were last proven equal, epoch');
  return (job, report, ms) => {
    compared.set({ job }, Number(report['days']));
    differing.set({ job }, Number(report['differing']));
    unsettled.set({ job }, Number(report['unsettled']));
    seconds.set({ job }, ms / 1000);
    at.set({ job }, systemClock.now() / 1000);
    if (report['verdict'] === 'equal') equalAt.set({ job }, systemClock.now() / 1000);
  };
}
