/**
 * The fields of a change message, one by one. In: what the envelope check let through. Out: values
 * that are exact and in range, or a RangeError that names the field and the value. Never rounds.
 */
import { MARKET_TYPES, seriesKey, type MarketType } from '#core/candle.ts';
import type { ChangeOrigin, ChangePlace } from '#core/contracts/change-place.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import { isInterval } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import type { Envelope, RowKey } from './envelope.ts';

export interface TopicMessage {
  readonly partition: number;
  readonly offset: string;
  readonly value: Buffer | null;
}

const LSN_SHIFT = 64n;
const LSN_MAX = 2n ** 64n - 1n;

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

/**
 * The row that a message is about: of a delete only its key is real.
 * @throws RangeError for an op that is unknown or has no such row.
 */
export function rowOf<Key extends RowKey, Row extends Key>(envelope: {
  readonly op: string;
  readonly before: Key | null;
  readonly after: Row | null;
}): { readonly op: ChangePlace['op']; readonly row: Key; readonly live: Row | null } {
  const { op, before, after } = envelope;
  if (op !== 'c' && op !== 'u' && op !== 'd' && op !== 'r') {
    throw new RangeError(`op "${op}" is unknown`);
  }
  const row = op === 'd' ? before : after;
  if (row === null) throw new RangeError(`op "${op}" has no ${op === 'd' ? 'before' : 'after'}`);
  return { op, row, live: op === 'd' ? null : after };
}

/** Which series a row is of, and where the change stands. @throws RangeError */
export function placeOf(
  op: ChangePlace['op'],
  row: RowKey,
  source: Envelope['source'],
  message: TopicMessage,
): ChangePlace {
  if (!isInterval(row.interval)) throw new RangeError(`interval "${row.interval}" is unknown`);
  const series = {
    exchange: namePart('exchange', row.exchange),
    marketType: marketType(row.market_type),
    symbol: namePart('symbol', row.symbol),
    interval: row.interval,
  };
  const origin = originOf(source.snapshot);
  return {
    series,
    key: seriesKey(series),
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

export function exact(field: string, text: string): DecimalString {
  const result = parseDecimal(text);
  if (!result.ok)
    throw new RangeError(`${field} "${text}" is not an exact decimal (${result.reason})`);
  return result.value;
}

export function exactOrNull(field: string, text: string | null): DecimalString | null {
  return text === null ? null : exact(field, text);
}

/** The database lets no other price in; this one would stop everything behind it. */
export function price(field: string, text: string): DecimalString {
  const value = exact(field, text);
  if (value === '0' || value.startsWith('-')) {
    throw new RangeError(`${field} "${text}" is not above zero`);
  }
  return value;
}

export function amount(field: string, text: string | null): DecimalString | null {
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

export function instant(field: string, text: string): EpochMs {
  const value = Date.parse(text);
  if (!isEpochMs(value)) throw new RangeError(`${field} "${text}" is not a time from 1990 to 2100`);
  return value;
}

export function instantOrNull(field: string, text: string | null): EpochMs | null {
  return text === null ? null : instant(field, text);
}

function millis(value: number): EpochMs {
  if (!isEpochMs(value)) throw new RangeError(`source.ts_ms "${value}" is not in milliseconds`);
  return value;
}

export function idText(field: string, id: number | null): string | null {
  if (id === null) return null;
  if (!Number.isSafeInteger(id)) throw new RangeError(`${field} "${id}" is beyond exact integers`);
  return String(id);
}
