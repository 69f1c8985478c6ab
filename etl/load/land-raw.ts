/**
 * Keeps the exact text a venue answered with. In: URL, our clock, the text. Out: the id that candles
 * and refused rows point to. The text is compressed, its SHA-256 is of the text itself. A text that
 * was kept within the last month under the same URL is not kept twice: an identical re-scrape
 * points at the first one and writes nothing.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import type { PoolClient } from '#platform/postgres.ts';
import type { RawPayload } from '../extract/venue.ts';

const compress = promisify(zstdCompress);

const LAND = `
  with kept as (
    select id
    from market.raw_payloads
    where sha256 = $4::bytea and url = $2::text
      -- Bounded, so that old months are not searched and a candle does not come to lean on a
      -- payload that retention is about to drop.
      and fetched_at between $3::timestamptz - interval '30 days' and $3::timestamptz
    order by fetched_at desc
    limit 1
  ),
  landed as (
    insert into market.raw_payloads (ingest_run_id, url, fetched_at, sha256, encoding, body)
    select $1::bigint, $2::text, $3::timestamptz, $4::bytea, 'zstd', $5::bytea
    where not exists (select from kept)
    returning id
  )
  select id from kept union all select id from landed`;

/** @param client in a transaction; the month of `fetchedAt` exists. @returns market.raw_payloads.id */
export async function landRaw(
  client: PoolClient,
  payload: RawPayload,
  ingestRunId: bigint,
): Promise<bigint> {
  const body = Buffer.from(payload.body, 'utf8');
  const result = await client.query<{ id: string }>(LAND, [
    ingestRunId,
    payload.url,
    new Date(payload.fetchedAt).toISOString(),
    createHash('sha256').update(body).digest(),
    await compress(body),
  ]);
  const id = result.rows[0]?.id;
  if (id === undefined) throw new Error(`the payload of "${payload.url}" was given no id`);
  return BigInt(id);
}
