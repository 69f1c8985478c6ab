/**
 * Writes ClickHouse's RowBinary into one growing buffer. In: typed values. Out: the bytes. Exact: a
 * decimal goes from its text to 128 bits by integer arithmetic, never through a float.
 * @see https://clickhouse.com/docs/interfaces/formats/RowBinary
 */
import type { DecimalString } from '#core/decimal.ts';

const INITIAL_BYTES = 64 * 1024;
/** More than any fixed-width value needs. */
const MARGIN_BYTES = 64;
const SCALE_DIGITS = 18;
const U64 = 0xffff_ffff_ffff_ffffn;
const POWERS_OF_TEN = Array.from({ length: 10 }, (_, exponent) => 10 ** exponent);

export class RowBinaryWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;
  readonly #limbs = new Float64Array(8);

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  /** A view of what was written; valid until the next write. */
  bytes(from = 0): Buffer {
    return this.#buffer.subarray(from, this.#at);
  }

  /** Hands the bytes over and starts anew. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at);
    this.#buffer = Buffer.allocUnsafe(Math.max(INITIAL_BYTES, this.#at));
    this.#at = 0;
    return taken;
  }

  /** Bytes that are already in the format. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeUInt16LE(value, this.#at);
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  uint64(value: bigint): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeBigUInt64LE(value, this.#at);
  }

  /** An integer that a double holds exactly. Also DateTime64(3): milliseconds since the epoch. */
  int64(value: number): void {
    this.#reserve(8);
    const low = value >>> 0;
    this.#buffer.writeUInt32LE(low, this.#at);
    this.#buffer.writeInt32LE((value - low) / 4_294_967_296, this.#at + 4);
    this.#at += 8;
  }

  uint128(value: bigint): void {
    this.#reserve(16);
    this.#buffer.writeBigUInt64LE(value & U64, this.#at);
    this.#buffer.writeBigUInt64LE(value >> 64n, this.#at + 8);
    this.#at += 16;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  string(text: string): void {
    const length = Buffer.byteLength(text);
    this.varint(length);
    this.#reserve(length);
    this.#buffer.write(text, this.#at, 'utf8');
    this.#at += length;
  }

  /** Unsigned LEB128: lengths of strings and arrays. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  /** A null, or the mark that a value follows. @returns true when a value must follow. */
  present(value: unknown): boolean {
    this.uint8(value === null ? 1 : 0);
    return value !== null;
  }

  nullableDecimal(value: DecimalString | null): void {
    if (this.present(value) && value !== null) this.decimal(value);
  }

  nullableInt64(value: number | null): void {
    if (this.present(value) && value !== null) this.int64(value);
  }

  nullableFloat64(value: number | null): void {
    if (this.present(value) && value !== null) this.float64(value);
  }

  nullableString(value: string | null): void {
    if (this.present(value) && value !== null) this.string(value);
  }

  /** Decimal(38,18): the value times 10^18 as a signed 128-bit integer, little endian. */
  decimal(text: DecimalString): void {
    this.#reserve(16);
    const limbs = this.#limbs.fill(0);
    const negative = text.charCodeAt(0) === 45;
    let point = text.indexOf('.');
    if (point < 0) point = text.length;
    appendDigits(limbs, text, negative ? 1 : 0, point);
    appendDigits(limbs, text, point + 1, text.length);
    appendZeros(limbs, SCALE_DIGITS - Math.max(0, text.length - point - 1));
    if (negative) negate(limbs);
    for (let index = 0; index < 8; index += 1) {
      this.#buffer.writeUInt16LE(limbs[index]!, this.#at + 2 * index);
    }
    this.#at += 16;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes + MARGIN_BYTES;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = grown;
  }
}

function appendDigits(limbs: Float64Array, text: string, from: number, to: number): void {
  for (let start = from; start < to; start += 9) {
    const end = Math.min(start + 9, to);
    let chunk = 0;
    for (let index = start; index < end; index += 1) {
      chunk = chunk * 10 + (text.charCodeAt(index) - 48);
    }
    multiplyAdd(limbs, POWERS_OF_TEN[end - start]!, chunk);
  }
}

function appendZeros(limbs: Float64Array, count: number): void {
  for (let left = count; left > 0; left -= 9) {
    multiplyAdd(limbs, POWERS_OF_TEN[Math.min(left, 9)]!, 0);
  }
}

/** Limbs hold 16 bits, so limb · 10^9 + carry stays below 2^53 and every step is exact. */
function multiplyAdd(limbs: Float64Array, factor: number, addend: number): void {
  let carry = addend;
  for (let index = 0; index < 8; index += 1) {
    const product = limbs[index]! * factor + carry;
    const high = Math.floor(product / 65_536);
    limbs[index] = product - high * 65_536;
    carry = high;
  }
}

function negate(limbs: Float64Array): void {
  let carry = 1;
  for (let index = 0; index < 8; index += 1) {
    const flipped = 65_535 - limbs[index]! + carry;
    carry = flipped > 65_535 ? 1 : 0;
    limbs[index] = flipped - carry * 65_536;
  }
}
