/**
 * Bytes of the candle topic → changes. In: one Kafka message. Out: a change of a candle, a gap, a
 * funding payment or an anchor, told apart by `source.table`; nothing for a tombstone; or the reason
 * why it cannot be one. Pure; never guesses, never rounds. Nearly all messages are candles, so they are
 * tried first and the others cost them nothing.
 */
import type { CandleValues } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { CAPTURED_TABLES } from '#core/contracts/names.ts';
import type { AnchorChange, FundingChange, GapChange } from '#core/contracts/ledger-change.ts';
import { errorText } from '#core/errors.ts';
import { toAnchorChange, toFundingChange, toGapChange } from './decode-ledger.ts';
import {
  AfterCheck,
  AnchorEnvelopeCheck,
  CandleEnvelopeCheck,
  FundingEnvelopeCheck,
  GapEnvelopeCheck,
  OpCheck,
  TableCheck,
  type CandleEnvelope,
} from './envelope.ts';
import { unknownFields } from './unknown-fields.ts';
import { amount, idText, instant, placeOf, price, rowOf, type TopicMessage } from './fields.ts';

export { parseVersion } from './fields.ts';

export type Decoded =
  | (Unknown & { readonly kind: 'change'; readonly change: CandleChange })
  | (Unknown & { readonly kind: 'gap'; readonly change: GapChange })
  | (Unknown & { readonly kind: 'funding'; readonly change: FundingChange })
  | (Unknown & { readonly kind: 'anchor'; readonly change: AnchorChange })
  | { readonly kind: 'tombstone' }
  /** What somebody wrote into the WAL with pg_logical_emit_message: no row changed. */
  | { readonly kind: 'message' }
  | ({ readonly kind: 'undecodable' } & Undecodable);

/** Fields that nobody told us of, which change nothing. */
interface Unknown {
  readonly unknown: readonly string[];
}

/** Why a record cannot be read, as a word that can be counted and in full. */
export interface Undecodable {
  readonly code: UndecodableCode;
  readonly reason: string;
  /** Where it was found; null where nothing was thrown. */
  readonly stack: string | null;
}

/**
 * Not JSON; a table that is not captured; fields missing or of another type; a value out of range; a truncated
 * table, whose rows are gone without a word about each; a value that Postgres did not log.
 */
export const UNDECODABLE_CODES = [
  'not_json',
  'unknown_table',
  'wrong_shape',
  'bad_value',
  'truncated',
  'not_logged',
] as const;
export type UndecodableCode = (typeof UNDECODABLE_CODES)[number];

/** Never throws: what cannot be decoded is returned with its reason. */
export function decodeCandleMessage(message: TopicMessage): Decoded {
  if (message.value === null) return { kind: 'tombstone' };
  let json: unknown;
  try {
    json = JSON.parse(message.value.toString('utf8'));
  } catch (error) {
    return undecodable('not_json', `not JSON: ${errorText(error)}`, error);
  }
  if (message.value.includes(UNAVAILABLE)) {
    const column = unavailableColumn(json);
    if (column !== null) return undecodable('not_logged', `${column} ${NOT_LOGGED}`, null);
  }
  try {
    if (CandleEnvelopeCheck.Check(json)) {
      const unknown = unknownFields('candles', json);
      return { kind: 'change', change: toChange(json, message), unknown };
    }
    if (GapEnvelopeCheck.Check(json)) {
      const unknown = unknownFields('gaps', json);
      return { kind: 'gap', change: toGapChange(json, message), unknown };
    }
    if (FundingEnvelopeCheck.Check(json)) {
      const unknown = unknownFields('funding_rates', json);
      return { kind: 'funding', change: toFundingChange(json, message), unknown };
    }
    if (AnchorEnvelopeCheck.Check(json)) {
      const unknown = unknownFields('anchors', json);
      return { kind: 'anchor', change: toAnchorChange(json, message), unknown };
    }
  } catch (error) {
    if (OpCheck.Check(json) && json.op === 't') return undecodable('truncated', TRUNCATED, null);
    return undecodable('bad_value', errorText(error), error);
  }
  return problemOf(json);
}

function undecodable(code: UndecodableCode, reason: string, error: unknown): Decoded {
  const stack = error instanceof Error ? (error.stack ?? null) : null;
  return { kind: 'undecodable', code, reason, stack };
}

/** Stands for a large value that an update did not touch, which Postgres then does not log. */
const UNAVAILABLE = '__debezium_unavailable_value';
const NOT_LOGGED =
  'was not logged, because the update left it alone; send the row again by an incremental snapshot';

/** The column of the new row that holds it; of the old row nothing but the key is read. */
function unavailableColumn(json: unknown): string | null {
  if (!AfterCheck.Check(json)) return null;
  return Object.keys(json.after).find((column) => json.after[column] === UNAVAILABLE) ?? null;
}

const TRUNCATED =
  'op "t": a table was truncated, and which rows went nobody says; "wick reconcile --repair" finds them';

/** What keeps a message from being a change of the table that it names. */
function problemOf(json: unknown): Decoded {
  const op = OpCheck.Check(json) ? json.op : '';
  if (op === 'm') return { kind: 'message' };
  if (op === 't') return undecodable('truncated', TRUNCATED, null);
  const table = TableCheck.Check(json) ? json.source.table : 'candles';
  const known = CAPTURED_TABLES.find((name) => name === table);
  if (known === undefined) {
    return undecodable('unknown_table', `table "${table}" is unknown`, null);
  }
  const [kind, check] = {
    candles: ['a candle', CandleEnvelopeCheck] as const,
    gaps: ['a gap', GapEnvelopeCheck] as const,
    funding_rates: ['a funding', FundingEnvelopeCheck] as const,
    anchors: ['an anchor', AnchorEnvelopeCheck] as const,
  }[known];
  const problem = check.Errors(json)[0];
  const where = `${problem?.instancePath ?? ''} ${problem?.message ?? ''}`;
  return undecodable('wrong_shape', `not ${kind} envelope: ${where}`, null);
}

function toChange(envelope: CandleEnvelope, message: TopicMessage): CandleChange {
  const { op, row, live } = rowOf(envelope);
  const place = placeOf(op, row, envelope.source, message);
  return {
    series: place.series,
    key: place.key,
    openTime: instant('open_time', row.open_time),
    values: live === null ? null : valuesOf(live),
    revision: live?.revision ?? 0,
    observedAt: live === null ? place.committedAt : instant('observed_at', live.observed_at),
    source: live?.source ?? '',
    ingestRunId: idText('ingest_run_id', live?.ingest_run_id ?? null),
    rawId: idText('raw_id', live?.raw_id ?? null),
    op,
    origin: place.origin,
    version: place.version,
    lsn: place.lsn,
    txId: place.txId,
    committedAt: place.committedAt,
    partition: place.partition,
    offset: place.offset,
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
