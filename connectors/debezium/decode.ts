/**
 * Bytes of the candle topic → candle changes. In: one Kafka message. Out: a `CandleChange`, nothing
 * for a tombstone, or the reason why it cannot be one. Pure; never guesses, never rounds.
 */
import { seriesKey, type CandleValues, type MarketType } from '#core/candle.ts';
import { MARKET_TYPES } from '#core/candle.ts';
import type { CandleChange, ChangeOrigin } from '#core/contracts/candle-change.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import { errorText } from '#core/errors.ts';
import { isInterval } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { CandleEnvelopeCheck, type CandleEnvelope } from './envelope.ts';

export interface TopicMessage {
  readonly partition: number;
  readonly offset: string;
  readonly value: Buffer | null;
}

export type Decoded =
  | { readonly kind: 'change'; readonly change: CandleChange }
  | { readonly kind: 'tombstone' }
  | { readonly kind: 'undecodable'; readonly reason: string };

const LSN_SHIFT = 64n;
const LSN_MAX = 2n ** 64n - 1n;

/** Never throws: what cannot be decoded is returned with its reason. */
export function decodeCandleMessage(message: TopicMessage): Decoded {
  if (message.value === null) return { kind: 'tombstone' };
  let json: unknown;
  try {
    json = JSON.parse(message.value.toString('utf8'));
  } catch (error) {
    return { kind: 'undecodable', reason: `not JSON: ${errorText(error)}` };
  }
  if (!CandleEnvelopeCheck.Check(json)) {
    const problem = CandleEnvelopeCheck.Errors(json)[0];
    return {
      kind: 'undecodable',
      reason: `not a candle envelope: ${problem?.instancePath ?? ''} ${problem?.message ?? ''}`,
    };
  }
  try {
    return { kind: 'change', change: toChange(json, message) };
  } catch (error) {
    return { kind: 'undecodable', reason: errorText(error) };
  }
}

/**
 * `source.sequence` as one number. Its two numbers are texts, so no LSN passes through a float.
 * @throws RangeError when it is not a pair of LSNs.
 */
export function parseVersion(sequence: string, origin: ChangeOrigin = 'stream'): bigint {
  const match = /^\[(?:null|"(\d{1,20})"),"(\d{1,20})"\]$/.exec(sequence);
  const record = BigInt(match?.[2] ?? '0');
  // An initial snapshot and the first transaction after it know no commit before them. The snapshot
  // stands for everything up to its own LSN: above what was streamed before it (it may be a second
  // one, after a lost slot) and below what follows, be it a record at that very LSN.
  const commit = match?.[1] === undefined ? record : BigInt(match[1]);
  if (match === null || commit > LSN_MAX || record > LSN_MAX) {
    throw new RangeError(`source.sequence "${sequence}" is not a pair of LSNs`);
  }
  return (commit << LSN_SHIFT) + (origin === 'initial_snapshot' ? 0n : record);
}

function toChange(envelope: CandleEnvelope, message: TopicMessage): CandleChange {
  const { op, after, before, source } = envelope;
  if (op !== 'c' && op !== 'u' && op !== 'd' && op !== 'r') {
    throw new RangeError(`op "${op}" is unknown`);
  }
  const row = op === 'd' ? before : after;
  if (row === null) throw new RangeError(`op "${op}" has no ${op === 'd' ? 'before' : 'after'}`);
  if (!isInterval(row.interval)) throw new RangeError(`interval "${row.interval}" is unknown`);
  const series = {
    exchange: namePart('exchange', row.exchange),
    marketType: marketType(row.market_type),
    symbol: namePart('symbol', row.symbol),
    interval: row.interval,
  };
  const live = op === 'd' ? null : after;
  const origin = originOf(source.snapshot);
  return {
    series,
    key: seriesKey(series),
    openTime: instant('open_time', row.open_time),
    values: live === null ? null : valuesOf(live),
    revision: live?.revision ?? 0,
    observedAt: live === null ? millis(source.ts_ms) : instant('observed_at', live.observed_at),
    source: live?.source ?? '',
    ingestRunId: idText('ingest_run_id', live?.ingest_run_id ?? null),
    rawId: idText('raw_id', live?.raw_id ?? null),
    op,
    origin,
    version: parseVersion(source.sequence, origin),
    lsn: source.lsn === null ? null : recordLsn(source.sequence),
    txId: source.txId,
    committedAt: millis(source.ts_ms),
    partition: message.partition,
    offset: message.offset,
  };
}

function valuesOf(row: NonNullable<CandleEnvelope['after']>): CandleValues {
  return {
    open: price('open', row.open),
    high: price('high', row.high),
    low: price('low', row.low),
    close: price('close', row.close),
    volume: amount('volume', row.volume),
    quoteVolume: amount('quote_volume', row.quote_volume),
    trades: row.trades,
    takerBuyBase: amount('taker_buy_base', row.taker_buy_base),
    takerBuyQuote: amount('taker_buy_quote', row.taker_buy_quote),
    isClosed: row.is_closed,
  };
}

function originOf(snapshot: string): ChangeOrigin {
  if (snapshot === 'false') return 'stream';
  return snapshot === 'incremental' ? 'incremental_snapshot' : 'initial_snapshot';
}

/** The LSN as text: as a JSON number it may already have lost its last digits. */
function recordLsn(sequence: string): string {
  return sequence.slice(sequence.lastIndexOf(',"') + 2, -2);
}

function marketType(text: string): MarketType {
  const found = MARKET_TYPES.find((type) => type === text);
  if (found === undefined) throw new RangeError(`market_type "${text}" is unknown`);
  return found;
}

function exact(field: string, text: string): DecimalString {
  const result = parseDecimal(text);
  if (!result.ok)
    throw new RangeError(`${field} "${text}" is not an exact decimal (${result.reason})`);
  return result.value;
}

/** The database lets no other price in; this one would stop everything behind it. */
function price(field: string, text: string): DecimalString {
  const value = exact(field, text);
  if (value === '0' || value.startsWith('-')) {
    throw new RangeError(`${field} "${text}" is not above zero`);
  }
  return value;
}

function amount(field: string, text: string | null): DecimalString | null {
  if (text === null) return null;
  const value = exact(field, text);
  if (value.startsWith('-')) throw new RangeError(`${field} "${text}" is below zero`);
  return value;
}

/** A part of a series key, which its own separator would make ambiguous. */
function namePart(field: string, text: string): string {
  if (text === '' || text.includes('|')) {
    throw new RangeError(`${field} "${text}" cannot be part of a series key`);
  }
  return text;
}

function instant(field: string, text: string): EpochMs {
  const value = Date.parse(text);
  if (!isEpochMs(value)) throw new RangeError(`${field} "${text}" is not a time from 1990 to 2100`);
  return value;
}

function millis(value: number): EpochMs {
  if (!isEpochMs(value)) throw new RangeError(`source.ts_ms "${value}" is not in milliseconds`);
  return value;
}

function idText(field: string, id: number | null): string | null {
  if (id === null) return null;
  if (!Number.isSafeInteger(id)) throw new RangeError(`${field} "${id}" is beyond exact integers`);
  return String(id);
}
