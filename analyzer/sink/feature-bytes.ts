/**
 * A row of features as Avro bytes, written by hand: there is one for every candle, and with a library it cost
 * as much as computing it. In: a row. Out: the very bytes that the library makes of the schema in
 * `connectors/schemas/features.v1.avsc`, which a test holds against each other for any row. What never changes,
 * as the names of features, is encoded once.
 */
import { decimalBytes } from '../../connectors/index.ts';
import { seriesKey, type Series } from '#core/candle.ts';
import { endOf } from '#core/interval.ts';
import type { DerivedRow } from '../series-state.ts';
import type { Producer } from './tables.ts';

/** Holds any row: names and texts are short, and there are some hundred features at most. */
const BYTES_MAX = 65_536;
const HEADER_BYTES = 5;
/** Branches of a union with null first, as Avro numbers them. */
const NULL = 0;
const VALUE = 2;
const PRICE_SCALE = 18;
/** Series whose beginnings are kept. */
const SERIES_MAX = 10_000;

export class FeatureBytes {
  readonly #buffer = Buffer.alloc(BYTES_MAX);
  readonly #names: readonly Buffer[];
  readonly #set: Buffer;
  readonly #statuses = new Map<string, Buffer>();
  readonly #series = new Map<string, Buffer>();
  #at = 0;

  constructor(producer: Producer, featureNames: readonly string[], schemaId: number) {
    const { featureSet, featureSetVersion, featureSetHash } = producer;
    this.#names = featureNames.map(textBytes);
    this.#set = Buffer.concat([
      textBytes(featureSet),
      longBytes(featureSetVersion),
      textBytes(featureSetHash),
    ]);
    this.#buffer.writeInt32BE(schemaId, 1);
  }

  /** The message, with the id of its schema before it. */
  encode(series: Series, row: DerivedRow): Buffer {
    const { openTime, candle, evaluation } = row;
    this.#at = HEADER_BYTES;
    this.#copy(this.#beginOf(series));
    this.#long(openTime);
    this.#long(endOf(series.interval, openTime));
    if (candle === null) {
      this.#buffer.fill(NULL, this.#at, this.#at + 3);
      this.#at += 3;
    } else {
      this.#byte(VALUE);
      this.#long(candle.observedAt);
      this.#byte(VALUE);
      this.#decimal(candle.values.close, PRICE_SCALE);
      this.#byte(VALUE);
      this.#long(candle.revision);
    }
    this.#copy(this.#set);
    this.#copy(this.#statusOf(evaluation?.status ?? 'retracted'));
    if (evaluation !== null) this.#values(evaluation.vector);
    this.#byte(0);
    this.#decimal(row.candleVersion, 0);
    this.#decimal(row.version, 0);
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  #values(vector: Float64Array): void {
    const names = this.#names;
    if (names.length === 0) return;
    this.#long(names.length);
    for (let index = 0; index < names.length; index += 1) {
      this.#copy(names[index]!);
      const value = vector[index] ?? NaN;
      if (Number.isNaN(value)) {
        this.#byte(NULL);
      } else {
        this.#byte(VALUE);
        this.#at = this.#buffer.writeDoubleLE(value, this.#at);
      }
    }
  }

  #beginOf(series: Series): Buffer {
    const key = seriesKey(series);
    let begin = this.#series.get(key);
    if (begin === undefined) {
      const { exchange, marketType, symbol, interval } = series;
      begin = Buffer.concat([exchange, marketType, symbol, interval].map(textBytes));
      if (this.#series.size >= SERIES_MAX) this.#series.clear();
      this.#series.set(key, begin);
    }
    return begin;
  }

  #statusOf(status: string): Buffer {
    let bytes = this.#statuses.get(status);
    if (bytes === undefined) {
      bytes = textBytes(status);
      this.#statuses.set(status, bytes);
    }
    return bytes;
  }

  #byte(value: number): void {
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  #copy(bytes: Buffer): void {
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #long(value: number): void {
    this.#at = writeLong(this.#buffer, this.#at, value);
  }

  #decimal(value: string | bigint, scale: number): void {
    const bytes = decimalBytes(value, scale);
    this.#long(bytes.length);
    this.#copy(bytes);
  }
}

function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([longBytes(bytes.length), bytes]);
}

function longBytes(value: number): Buffer {
  const buffer = Buffer.alloc(10);
  return buffer.subarray(0, writeLong(buffer, 0, value));
}

/** Zigzag, seven bits a byte, the lowest first. @returns where the next byte goes. */
function writeLong(buffer: Buffer, from: number, value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let at = from;
  // Times are beyond 32 bits, and doubled still exact.
  while (rest >= 0x80) {
    buffer[at] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
    at += 1;
  }
  buffer[at] = rest;
  return at + 1;
}
