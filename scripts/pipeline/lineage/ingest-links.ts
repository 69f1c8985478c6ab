/**
 * The Postgres end of a signal's chain. In: what the ledger says of a change. Out: the run that stored it and
 * the payload that it was read from, whose text is unpacked and hashed again. What is not there says why:
 * never recorded, or forgotten by retention.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { formatInstant, type EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { Link, RevisionLink } from './evaluation-links.ts';

const decompress = promisify(zstdDecompress);
/** No answer of a venue comes near it. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

export interface RunLink {
  readonly id: string;
  readonly job: string;
  readonly worker: string | null;
  readonly state: string;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly range_from: string;
  readonly range_to: string;
  readonly inserted: string;
  readonly revised: string;
  readonly error: string | null;
}

export interface RawLink {
  readonly id: string;
  /** Run that kept it: an earlier one, where the venue answered the same again. */
  readonly ingest_run_id: string;
  readonly url: string;
  readonly fetched_at: string;
  readonly bytes: number;
  /** Hex, as recorded, and of the text as it is now. */
  readonly sha256: string;
  readonly recomputed: string;
  readonly matches: boolean;
}

type Recorded = Pick<RevisionLink, 'ingest_run_id' | 'raw_id' | 'source' | 'op'>;

export async function readRun(pool: Pool, change: Recorded): Promise<Link<RunLink>> {
  const { ingest_run_id: id, op } = change;
  if (id === null) {
    return { missing: op === 'd' ? 'a delete has no run' : 'not recorded: the row names no run' };
  }
  const { rows } = await pool.query<
    Omit<RunLink, 'started_at' | 'finished_at' | 'range_from' | 'range_to'> & {
      readonly started_at: EpochMs;
      readonly finished_at: EpochMs | null;
      readonly range_from: EpochMs;
      readonly range_to: EpochMs;
    }
  >(
    `select id::text, job, worker, state, started_at, finished_at, range_from, range_to,
            inserted::text, revised::text, error
     from market.ingest_runs where id = $1::bigint`,
    [id],
  );
  const [run] = rows;
  if (run === undefined) {
    return {
      missing: `market.ingest_runs has no run ${id} any more: retention forgot it, or it was never there`,
    };
  }
  return {
    ...run,
    started_at: formatInstant(run.started_at),
    finished_at: run.finished_at === null ? null : formatInstant(run.finished_at),
    range_from: formatInstant(run.range_from),
    range_to: formatInstant(run.range_to),
  };
}

export async function readRaw(pool: Pool, change: Recorded): Promise<Link<RawLink>> {
  const { raw_id: id, op, source } = change;
  if (id === null) {
    return {
      missing:
        op === 'd'
          ? 'a delete has no payload'
          : `not recorded: the row, which came by "${source}", names no payload`,
    };
  }
  const { rows } = await pool.query<{
    ingest_run_id: string;
    url: string;
    fetched_at: EpochMs;
    sha256: Buffer;
    body: Buffer;
  }>(
    `select ingest_run_id::text, url, fetched_at, sha256, body
     from market.raw_payloads where id = $1::bigint`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) {
    return {
      missing: `market.raw_payloads has no payload ${id} any more: RETAIN_RAW_DAYS let go of its month`,
    };
  }
  const text = await decompress(row.body, { maxOutputLength: BODY_BYTES_MAX });
  const [sha256, recomputed] = [
    row.sha256.toString('hex'),
    createHash('sha256').update(text).digest('hex'),
  ];
  return {
    id,
    ingest_run_id: row.ingest_run_id,
    url: row.url,
    fetched_at: formatInstant(row.fetched_at),
    bytes: text.byteLength,
    sha256,
    recomputed,
    matches: sha256 === recomputed,
  };
}
