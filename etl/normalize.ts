/**
 * What a venue's payload means, without a venue, a network or a store: for looking into one by hand. In:
 * the text of an answer or of frames. Out: canonical candles or symbols as plain rows, and what was
 * rejected, by the very functions that the pipeline runs: the venue's mapper and `transform/validate`.
 */
import { candleJson } from './candle-json.ts';
import type { Candle, Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { isInterval, type Interval } from '#core/interval.ts';
import { epochMs, formatInstant, type EpochMs } from '#core/time.ts';
import { unsupported } from './extract/catalogue.ts';
import type { NamedSeries, VenueMapper, VenueSymbol } from './extract/mapper.ts';
import type { Instrument, StreamMessage, StreamSeries } from './extract/venue.ts';
import { validateCandle, validatePage } from './transform/validate.ts';
import { parseAnswer, payloadError, refusePage, startOf } from './venue-error.ts';

export interface NormalizeRequest {
  readonly mapper: VenueMapper;
  readonly kind: 'klines' | 'symbols' | 'stream';
  /** An answer; for `stream` a frame a line, a list of frames or one frame. */
  readonly text: string;
  /** Any spelling; null takes what the payload names. */
  readonly symbol: string | null;
  /** As the flag has it; null takes what the payload names. */
  readonly interval: string | null;
  /** The venue's clock: what decides which candles are closed. */
  readonly now: EpochMs;
}

export type NormalizedRow = Readonly<Record<string, string | number | boolean | null>>;

export interface NormalizeReject {
  /** A reason of `reject.ts`; `refused` for an error of the venue, `unsupported` for a left out symbol. */
  readonly reason: string;
  readonly detail: string;
  /** Position in the answer or among the frames, from 0. */
  readonly index: number;
  /** ISO; null where it cannot be read. */
  readonly open_time: string | null;
  readonly row: unknown;
}

export interface Normalized {
  readonly rows: readonly NormalizedRow[];
  /** What should have been a row and is none. */
  readonly rejects: readonly NormalizeReject[];
  /** Sound symbols that are not of this market. */
  readonly leftOut: readonly NormalizeReject[];
}

/** All times that there are: a file is not asked for a range. */
const FROM = epochMs(Date.UTC(1990, 0, 1));
const TO = epochMs(Date.UTC(2100, 0, 1) - 1);

/**
 * @throws AppError WICK_USAGE where symbol or interval is missing, WICK_ETL_UNSUPPORTED for one that the
 * venue does not have, WICK_ETL_VENUE_PAYLOAD for a text that is no payload of this kind: with the venue's
 * words where it is the venue's error.
 */
export function normalize(request: NormalizeRequest): Normalized {
  const text = request.text.replace(/^\uFEFF/, '');
  refusePage(request.mapper, text);
  switch (request.kind) {
    case 'klines':
      return normalizeKlines({ ...request, text });
    case 'symbols':
      return normalizeSymbols({ ...request, text });
    case 'stream':
      return normalizeStream({ ...request, text });
    default:
      return request.kind satisfies never;
  }
}

function normalizeKlines(request: NormalizeRequest): Normalized {
  const { mapper, now } = request;
  const json = parseAnswer(request, 'candles');
  const series = seriesOf(request, mapper.namesOf(json));
  const context = { series, from: FROM, to: TO, venueNow: now, observedAt: now };
  const mapped = mapper.mapCandles(json, context);
  if (mapped === null) throw notOfKind(request, 'candles', mapper.namesOf(json).length > 0);
  const raw = { url: 'file:', fetchedAt: now, body: request.text };
  const page = { series, ...mapped, raw, venueNow: now, weightUsed: null };
  const { accepted, rejects } = validatePage(page);
  return {
    rows: accepted.map(candleJson),
    leftOut: [],
    rejects: rejects
      .map(({ reason, detail, index, openTime, rawRow }) => ({
        reason,
        detail,
        index,
        open_time: openTime === null ? null : formatInstant(openTime),
        row: JSON.parse(rawRow) as unknown,
      }))
      .sort((a, b) => a.index - b.index),
  };
}

function normalizeSymbols(request: NormalizeRequest): Normalized {
  const { mapper } = request;
  const json = parseAnswer(request, 'symbols');
  const mapped = mapper.mapInstruments(json);
  if (mapped === null) throw notOfKind(request, 'symbols', false);
  const left = mapped.leftOut.map(({ reason, detail, index, row }) => ({
    reason,
    detail,
    index,
    open_time: null,
    row,
  }));
  return {
    rows: mapped.instruments.map(symbolRow),
    rejects: left.filter(({ reason }) => reason === 'malformed_row'),
    leftOut: left.filter(({ reason }) => reason !== 'malformed_row'),
  };
}

function normalizeStream(request: NormalizeRequest): Normalized {
  const { mapper, now } = request;
  const rows: NormalizedRow[] = [];
  const rejects: NormalizeReject[] = [];
  const frames = framesOf(request.text);
  const series = streamSeriesOf(request, frames);
  for (const [index, frame] of frames.entries()) {
    for (const message of mapper.readStream(frame, { series, receivedAt: now })) {
      const told = readMessage(message, now);
      if (told?.candle !== undefined) rows.push(candleJson(told.candle));
      if (told?.reason !== undefined) {
        const openTime = told.openTime === null ? null : formatInstant(told.openTime);
        const { reason, detail } = refusalOf(mapper, frame) ?? told;
        rejects.push({ reason, detail, index, open_time: openTime, row: shown(frame) });
      }
    }
  }
  return { rows, rejects, leftOut: [] };
}

type Told =
  | { readonly candle: Candle; readonly reason?: undefined }
  | {
      readonly candle?: undefined;
      readonly reason: string;
      readonly detail: string;
      readonly openTime: EpochMs | null;
    };

function readMessage(message: StreamMessage, now: EpochMs): Told | null {
  switch (message.kind) {
    case 'candle': {
      const { candle } = message;
      const problem = validateCandle(candle, now);
      return problem === null ? { candle } : { ...problem, openTime: candle.openTime };
    }
    case 'reject':
      return { ...message.finding, openTime: null };
    case 'refused':
      return { reason: 'refused', detail: message.reason, openTime: null };
    case 'subscribed':
    case 'sequence':
      return null;
    default:
      return message satisfies never;
  }
}

/** An error of the venue among its frames, such as one of REST in a log of both. */
function refusalOf(
  mapper: VenueMapper,
  frame: string,
): { readonly reason: 'refused'; readonly detail: string } | null {
  const said = isJson(frame) ? mapper.errorOf(JSON.parse(frame)) : null;
  return said === null ? null : { reason: 'refused', detail: said };
}

/** Frames as text: one a line, or one JSON text that holds one or a list of them. */
function framesOf(text: string): readonly string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const isWhole = lines.length > 1 && isJson(text);
  return (isWhole ? [text] : lines).flatMap((each) => {
    const json: unknown = isJson(each) ? JSON.parse(each) : undefined;
    return Array.isArray(json) ? json.map((frame) => JSON.stringify(frame)) : [each];
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function streamSeriesOf(
  { mapper, symbol, interval }: NormalizeRequest,
  frames: readonly string[],
): readonly StreamSeries[] {
  const names = new Map<string, NamedSeries>();
  for (const frame of frames) {
    const json: unknown = isJson(frame) ? JSON.parse(frame) : null;
    for (const name of mapper.namesOf(json)) {
      names.set(`${name.venueSymbol} ${name.interval}`, name);
    }
  }
  const wanted = symbol === null ? null : mapper.parseSymbol(symbol).venueSymbol;
  return [...names.values()]
    .filter((name) => wanted === null || name.venueSymbol === wanted)
    .filter((name) => interval === null || name.interval === interval)
    .map((name) => ({
      instrument: instrumentOf(mapper, mapper.parseSymbol(name.venueSymbol)),
      interval: intervalOf(mapper, name.interval),
    }));
}

/** Stands for what the venue's list would say: the name is all that a frame is routed by. */
function instrumentOf({ id, marketType }: VenueMapper, named: VenueSymbol): Instrument {
  return {
    exchange: id,
    marketType,
    ...named,
    aliases: [],
    isTrading: true,
    venueStatus: '',
    onboardTime: null,
    delistTime: null,
    tickSize: null,
    stepSize: null,
  };
}

function seriesOf(
  { mapper, symbol, interval }: NormalizeRequest,
  names: readonly NamedSeries[],
): Series {
  const wanted = symbol === null ? null : mapper.parseSymbol(symbol);
  const found = names.filter((name) => wanted === null || name.venueSymbol === wanted.venueSymbol);
  const [named] = found;
  if (wanted === null && named === undefined) throw missing('symbol', '--symbol BTC/USDT');
  if (found.length > 1 && (wanted === null || interval === null)) {
    const list = found.map((name) => `${name.venueSymbol} ${name.interval}`).join(', ');
    throw new AppError(
      'WICK_USAGE',
      `the file holds several series: ${list}; give --symbol and --tf`,
    );
  }
  const asked = interval ?? named?.interval ?? null;
  if (asked === null) throw missing('interval', '--tf 1m');
  return {
    exchange: mapper.id,
    marketType: mapper.marketType,
    symbol: (wanted ?? mapper.parseSymbol(named?.venueSymbol ?? '')).symbol,
    interval: intervalOf(mapper, asked),
  };
}

function missing(what: string, flag: string): AppError {
  return new AppError('WICK_USAGE', `the payload does not name its ${what}; give it, as ${flag}`);
}

function intervalOf({ id, intervals }: VenueMapper, text: string | null): Interval {
  if (text !== null && isInterval(text) && intervals.includes(text)) return text;
  throw unsupported(id, 'interval', text ?? '', intervals);
}

function notOfKind({ mapper, text }: NormalizeRequest, kind: string, isFrame: boolean): AppError {
  const hint = isFrame ? '; for frames give --kind stream' : '; give the bare answer of the venue';
  return payloadError(
    `that is no answer of ${mapper.id} with ${kind}; it begins "${startOf(text)}"${hint}`,
  );
}

function shown(frame: string): unknown {
  return isJson(frame) ? (JSON.parse(frame) as unknown) : frame;
}

function symbolRow(instrument: Instrument): NormalizedRow {
  const { onboardTime, delistTime } = instrument;
  return {
    exchange: instrument.exchange,
    market_type: instrument.marketType,
    symbol: instrument.symbol,
    base: instrument.base,
    quote: instrument.quote,
    venue_symbol: instrument.venueSymbol,
    is_trading: instrument.isTrading,
    status: instrument.venueStatus,
    onboard_time: onboardTime === null ? null : formatInstant(onboardTime),
    delist_time: delistTime === null ? null : formatInstant(delistTime),
    tick_size: instrument.tickSize,
    step_size: instrument.stepSize,
  };
}
