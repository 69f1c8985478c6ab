/**
 * Gives rows in quarantine another chance. In: rows, their venue. Out: which are settled now. The
 * venue is asked for their candles again, together with their neighbours, and today's rules judge the
 * answer; a row is settled once what the venue answers now is accepted and stored at its time: that a
 * candle was stored there before says nothing. What is refused again stays as it is, and so do
 * payments and rows whose time cannot be read. A venue that fails costs its own rows this chance, not
 * those of others. Repeating it changes nothing.
 */
import { seriesKey, type Candle } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { nextOpen, nominalWidthMs } from '#core/interval.ts';
import { epochMs, isEpochMs, type EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { VenueAdapter } from '../extract/venue.ts';
import { ingest } from '../ingest.ts';
import type { QuarantinedCandle } from './list-quarantine.ts';

export interface Redrive {
  readonly pool: Pool;
  /** Opens the venue of a series. */
  readonly open: (
    exchange: string,
  ) => Pick<VenueAdapter, 'id' | 'marketType' | 'fetchCandles' | 'fetchServerTime'>;
  readonly rows: readonly QuarantinedCandle[];
  /** Somebody has looked at these jumps and means them to be stored. */
  readonly acceptsJumps: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface RedriveReport {
  /** Ids of rows whose candle is stored now. */
  readonly settled: readonly string[];
  /** Ids of rows that were refused again. */
  readonly refused: readonly string[];
  /** Ids of rows that could not be asked for; why is said by series. */
  readonly unasked: readonly string[];
  readonly failures: readonly { readonly series: string; readonly error: string }[];
  /** Ids of payments, and of rows whose time cannot be read: only their raw text tells what they are. */
  readonly timeless: readonly string[];
}

/** Name that the runs are recorded under. */
const JOB = 'redrive';
/** Candles asked for on both sides of a row, so that a jump can be judged. */
const NEIGHBOURS = 2;
/** Rows with fewer candles than this between them are asked for at once: about a page. */
const SAME_PAGE_SLOTS = 400;

const STORED = `
  select q.id
  from market.quarantine as q
  join market.candles as c
    on c.exchange = q.exchange and c.market_type = q.market_type and c.symbol = q.symbol
    and c.interval = q.interval and c.open_time = q.open_time and c.is_closed
  where q.id = any ($1::bigint[])`;

const SETTLE = `
  update market.quarantine set redriven_at = clock_timestamp()
  where id = any ($1::bigint[]) and redriven_at is null`;

/** @throws what Postgres throws, and where it is aborted; what was settled until then stays so. */
export async function redriveQuarantine(work: Redrive): Promise<RedriveReport> {
  const isCandle = ({ openTime, kind }: QuarantinedCandle): boolean =>
    openTime !== null && kind === 'candle';
  const timed = work.rows.filter(isCandle);
  const settled = new Set<string>();
  const asked = new Set<string>();
  const failures: { series: string; error: string }[] = [];
  for (const [key, rows] of Map.groupBy(timed, ({ series }) => seriesKey(series))) {
    try {
      // Who accepts a jump means that candle: no other one may slip in beside it.
      for (const part of work.acceptsJumps ? rows.map((row) => [row]) : byPage(rows)) {
        const accepted = await ask(work, part);
        for (const { id } of part) asked.add(id);
        const answered = part.filter(({ openTime }) => openTime !== null && accepted.has(openTime));
        for (const id of await settle(work.pool, answered)) settled.add(id);
      }
    } catch (error) {
      if (work.signal?.aborted === true || !(error instanceof AppError)) throw error;
      failures.push({ series: key, error: errorText(error) });
    }
  }
  const ids = (rows: readonly QuarantinedCandle[]): string[] => rows.map(({ id }) => id);
  return {
    settled: [...settled],
    refused: ids(timed.filter(({ id }) => asked.has(id) && !settled.has(id))),
    unasked: ids(timed.filter(({ id }) => !asked.has(id))),
    failures,
    timeless: ids(work.rows.filter((row) => !isCandle(row))),
  };
}

/** @returns open times of the closed candles that were accepted and stored. */
async function ask(
  work: Redrive,
  rows: readonly QuarantinedCandle[],
): Promise<ReadonlySet<EpochMs>> {
  const accepted = new Set<EpochMs>();
  const [first] = rows;
  if (first === undefined) return accepted;
  const { series } = first;
  const adapter = work.open(series.exchange);
  const venueNow = await adapter.fetchServerTime(work.signal);
  const times = timesOf(rows);
  const around = work.acceptsJumps ? 0 : NEIGHBOURS * nominalWidthMs(series.interval);
  const from = Math.min(...times) - around;
  const to = nextOpen(series.interval, epochMs(Math.max(...times))) + around;
  if (!isEpochMs(from) || !isEpochMs(to)) return accepted;
  const { pool, acceptsJumps, signal } = work;
  const onStored = (candles: readonly Candle[]): void => {
    for (const { openTime, isClosed } of candles) if (isClosed) accepted.add(openTime);
  };
  const range = { from, to, venueNow };
  await ingest({ job: JOB, adapter, pool, series, ...range, acceptsJumps, signal, onStored });
  return accepted;
}

/** Marks those whose candle is stored. @returns their ids. */
async function settle(pool: Pool, rows: readonly QuarantinedCandle[]): Promise<string[]> {
  const found = await pool.query<{ id: string }>(STORED, [rows.map(({ id }) => id)]);
  const ids = found.rows.map(({ id }) => id);
  if (ids.length > 0) await pool.query(SETTLE, [ids]);
  return ids;
}

/** Rows of one series in groups that a question each can be about. */
function byPage(rows: readonly QuarantinedCandle[]): QuarantinedCandle[][] {
  const parts: QuarantinedCandle[][] = [];
  let last: EpochMs | null = null;
  for (const row of rows.toSorted((a, b) => (a.openTime ?? 0) - (b.openTime ?? 0))) {
    const time = row.openTime;
    if (time === null) continue;
    const isClose =
      last !== null && time - last <= SAME_PAGE_SLOTS * nominalWidthMs(row.series.interval);
    if (isClose) parts.at(-1)?.push(row);
    else parts.push([row]);
    last = time;
  }
  return parts;
}

function timesOf(rows: readonly QuarantinedCandle[]): EpochMs[] {
  return rows.flatMap(({ openTime }) => (openTime === null ? [] : [openTime]));
}
