/**
 * One venue's recorded market as of a moment. In: recordings, amendments, the replay's now. Out: rows
 * that a venue's routes and streams put into its own wire format. No row tells more than was known
 * then: a candle that is still open is its opening tick only (open = high = low = close = the recorded
 * open, all else null), and what was not recorded is null. Nothing is invented.
 */
import { nextOpen, type Interval } from '#core/interval.ts';
import { epochMs, type Clock, type EpochMs } from '#core/time.ts';
import type { Amendments } from './amendments.ts';
import type { FundingRecording, FundingRow } from './funding-recording.ts';
import {
  firstAtOrAfter,
  readCells,
  startOf,
  type ExtraColumn,
  type Recording,
} from './recording.ts';
import type { VenueId } from './venue-id.ts';

export interface MarketRow {
  readonly openTime: EpochMs;
  /** The first moment after it. */
  readonly end: EpochMs;
  /** Cells verbatim, right or wrong. */
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string | null;
  readonly quoteVolume: string | null;
  readonly trades: string | null;
  readonly takerBuyBase: string | null;
  readonly takerBuyQuote: string | null;
  readonly isOpen: boolean;
}

export interface RowQuery {
  /** First and last open time, both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  /** Which ones where there are more than `limit`. */
  readonly keep: 'oldest' | 'newest';
}

export interface MarketInstrument {
  readonly venueSymbol: string;
  readonly base: string;
  readonly quote: string;
  /** Open time of its first recorded candle. */
  readonly since: EpochMs;
  readonly isTrading: boolean;
}

export interface Market {
  readonly venue: VenueId;
  /** The replay's now, which decides what is told. */
  now(): EpochMs;
  /** What the venue says the time is. */
  toldTime(): EpochMs;
  find(venueSymbol: string, interval: Interval): Recording | undefined;
  instruments(): readonly MarketInstrument[];
  /** Oldest first. */
  rows(recording: Recording, query: RowQuery): readonly MarketRow[];
  /** The newest candle that has begun; undefined before the first. */
  newest(recording: Recording): MarketRow | undefined;
  /** Payments, oldest first, of which the oldest are kept; undefined where none are recorded. */
  funding(venueSymbol: string, query: RowQuery): readonly FundingRow[] | undefined;
}

export interface MarketOptions {
  readonly venue: VenueId;
  /** All venues' recordings; only this one's are used. */
  readonly recordings: readonly Recording[];
  readonly funding: readonly FundingRecording[];
  readonly amendments: Amendments;
  readonly clock: Clock;
}

export function createMarket(options: MarketOptions): Market {
  const { venue, clock, amendments } = options;
  const recordings = options.recordings.filter((each) => each.venue === venue);
  const series = new Map(recordings.map((each) => [`${each.venueSymbol}|${each.interval}`, each]));
  const payments = new Map(
    options.funding
      .filter((each) => each.venue === venue)
      .map((each) => [each.venueSymbol, each.rows]),
  );
  const now = (): EpochMs => clock.now();
  const rows = (recording: Recording, query: RowQuery): readonly MarketRow[] =>
    readRows(recording, query, now(), amendments);
  return {
    venue,
    now,
    toldTime: () => epochMs(now() + amendments.skewMs()),
    find: (venueSymbol, interval) => series.get(`${venueSymbol}|${interval}`),
    instruments: () => listInstruments(recordings, now(), amendments),
    rows,
    newest: (recording) =>
      rows(recording, { from: 0, to: Infinity, limit: 1, keep: 'newest' }).at(-1),
    funding: (venueSymbol, query) => {
      const all = payments.get(venueSymbol);
      const last = Math.min(query.to, now());
      const told = all?.filter(({ time }) => time >= query.from && time <= last);
      if (query.keep === 'newest') return told?.slice(Math.max(0, told.length - query.limit));
      return told?.slice(0, query.limit);
    },
  };
}

function readRows(
  recording: Recording,
  query: RowQuery,
  now: EpochMs,
  amendments: Amendments,
): readonly MarketRow[] {
  let first = firstAtOrAfter(recording, query.from);
  let end = firstAtOrAfter(recording, Math.min(query.to, now) + 1);
  if (!amendments.isPlain(recording)) {
    return readAmended(recording, query, { first, end }, now, amendments);
  }
  if (query.keep === 'oldest') end = Math.min(end, first + query.limit);
  else first = Math.max(first, end - query.limit);
  return readCells(recording, first, end).map((cells, offset) =>
    rowOf(recording, first + offset, cells, now),
  );
}

/** The same where some candles are not told or told otherwise: a limit counts what is told. */
function readAmended(
  recording: Recording,
  { limit, keep }: RowQuery,
  { first, end }: { readonly first: number; readonly end: number },
  now: EpochMs,
  amendments: Amendments,
): readonly MarketRow[] {
  const told: number[] = [];
  const step = keep === 'oldest' ? 1 : -1;
  for (let at = step > 0 ? first : end - 1; at >= first && at < end; at += step) {
    if (told.length >= limit) break;
    if (!amendments.hides(recording, recording.openTimes[at] ?? 0)) told.push(at);
  }
  if (step < 0) told.reverse();
  return told.map((at) => {
    const [cells = []] = readCells(recording, at, at + 1);
    const revision = amendments.revisionOf(recording, recording.openTimes[at] ?? 0);
    if (revision === undefined) return rowOf(recording, at, cells, now);
    const [time = '', open = '', high = '', low = '', close = '', volume = '', ...extras] = cells;
    const revised = { open, high, low, close, volume, ...revision };
    const amended = [revised.open, revised.high, revised.low, revised.close, revised.volume];
    return rowOf(recording, at, [time, ...amended, ...extras], now);
  });
}

function rowOf(
  recording: Recording,
  index: number,
  cells: readonly string[],
  now: EpochMs,
): MarketRow {
  const openTime = epochMs(recording.openTimes[index] ?? Number.NaN);
  const end = nextOpen(recording.interval, openTime);
  const [, open = '', high = '', low = '', close = '', volume = ''] = cells;
  const isOpen = end > now;
  if (isOpen) {
    const tick = { open, high: open, low: open, close: open };
    return { openTime, end, ...tick, ...NOTHING_ELSE, isOpen };
  }
  const prices = { open, high, low, close, volume: volume === '' ? null : volume };
  if (recording.extras.length === 0) {
    return { openTime, end, ...NOTHING_ELSE, ...prices, isOpen };
  }
  const extra = (name: ExtraColumn): string | null => {
    const at = recording.extras.indexOf(name);
    const cell = at === -1 ? '' : (cells[FIRST_EXTRA + at] ?? '');
    return cell === '' ? null : cell;
  };
  return {
    openTime,
    end,
    ...prices,
    quoteVolume: extra('quote_volume'),
    trades: extra('trades'),
    takerBuyBase: extra('taker_buy_base'),
    takerBuyQuote: extra('taker_buy_quote'),
    isOpen,
  };
}

const FIRST_EXTRA = 6;
const NOTHING_ELSE = {
  volume: null,
  quoteVolume: null,
  trades: null,
  takerBuyBase: null,
  takerBuyQuote: null,
} as const;

function listInstruments(
  recordings: readonly Recording[],
  now: EpochMs,
  amendments: Amendments,
): readonly MarketInstrument[] {
  const instruments = new Map<string, MarketInstrument>();
  for (const recording of recordings) {
    const { venueSymbol, base, quote } = recording;
    const known = instruments.get(venueSymbol);
    const since = epochMs(Math.min(startOf(recording), known?.since ?? Infinity));
    const isTrading = now < (amendments.delistedAt(venueSymbol) ?? Infinity);
    instruments.set(venueSymbol, { venueSymbol, base, quote, since, isTrading });
  }
  return [...instruments.values()];
}
