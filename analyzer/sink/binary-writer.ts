/**
 * Writes values as ClickHouse's binary formats have them into one growing buffer. In: typed values.
 * Out: the bytes. Exact: a decimal goes from its text to 128 bits by integer arithmetic, never through
 * a float.
 * @see https://clickhouse.com/docs/interfaces/formats/Native
 */
import type { DecimalString } from '#core/decimal.ts';

const INITIAL_BYTES = 64 * 1024;
/** More than any fixed-width value needs. */
const MARGIN_BYTES = 64;
const SCALE_DIGITS = 18;
const DIGIT_0 = 48;
const MINUS = 45;
const POINT = 46;
/** Longer strings are left to the platform's encoder. */
const SHORT_CHARS = 64;
/** Up to here any one more digit keeps a double exact: 10 · this + 9 < 2^53. */
const EXACT_MAX = 900_719_925_474_098;
const LIMB = 16_777_216;
/** 10^0 to 10^18 as three limbs of 24 bits, lowest first. */
const POWERS_OF_TEN = Array.from({ length: SCALE_DIGITS + 1 }, (_, exponent) => {
  const power = 10n ** BigInt(exponent);
  return [0n, 24n, 48n].map((shift) => Number((power >> shift) & 0xff_ffffn));
});

export class BinaryWriter {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #view = viewOf(this.#buffer);
  #at = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  /** A view of what was written; valid until the next write. */
  bytes(from = 0): Buffer {
    return this.#buffer.subarray(from, this.#at);
  }

  /** Forgets what was written and keeps the room for it. */
  clear(): void {
    this.#at = 0;
  }

  /** Hands the bytes over and starts anew. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at);
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, this.#at));
    this.#view = viewOf(this.#buffer);
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
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  uint64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += 8;
  }

  /** An integer that a double holds exactly. Also DateTime64(3): milliseconds since the epoch. */
  int64(value: number): void {
    this.#reserve(8);
    const low = value >>> 0;
    this.#view.setUint32(this.#at, low, true);
    this.#view.setInt32(this.#at + 4, (value - low) / 4_294_967_296, true);
    this.#at += 8;
  }

  uint128(value: bigint): void {
    this.#reserve(16);
    this.#view.setBigUint64(this.#at, BigInt.asUintN(64, value), true);
    this.#view.setBigUint64(this.#at + 8, value >> 64n, true);
    this.#at += 16;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  string(text: string): void {
    if (text.length <= SHORT_CHARS && this.#shortAscii(text)) return;
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

  /** Bytes of 0, at most 16. */
  zeros(count: number): void {
    this.#reserve(count);
    // Both halves whatever the count: what comes next overwrites the rest.
    this.#view.setFloat64(this.#at, 0);
    this.#view.setFloat64(this.#at + 8, 0);
    this.#at += count;
  }

  /** Decimal(38,18): the value times 10^18 as a signed 128-bit integer, little endian. */
  decimal(text: DecimalString): void {
    this.#reserve(16);
    const negative = text.charCodeAt(0) === MINUS;
    let point = text.length;
    let digits = 0;
    for (let at = negative ? 1 : 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === POINT) {
        point = at;
      } else if (digits > EXACT_MAX) {
        this.#longDecimal(text);
        return;
      } else {
        digits = digits * 10 + (code - DIGIT_0);
      }
    }
    const fraction = Math.max(0, text.length - point - 1);
    this.#scaled(digits, POWERS_OF_TEN[SCALE_DIGITS - fraction]!, negative);
  }

  /** `digits` times the power: three limbs by three, each sum below 2^51. */
  #scaled(digits: number, power: readonly number[], negative: boolean): void {
    const upper = Math.floor(digits / LIMB);
    const a0 = digits - upper * LIMB;
    const a2 = Math.floor(upper / LIMB);
    const a1 = upper - a2 * LIMB;
    const [b0 = 0, b1 = 0, b2 = 0] = power;
    const s0 = a0 * b0;
    const s1 = a0 * b1 + a1 * b0 + Math.floor(s0 / LIMB);
    const s2 = a0 * b2 + a1 * b1 + a2 * b0 + Math.floor(s1 / LIMB);
    const s3 = a1 * b2 + a2 * b1 + Math.floor(s2 / LIMB);
    const s4 = a2 * b2 + Math.floor(s3 / LIMB);
    const w1 = s1 % LIMB;
    const w2 = s2 % LIMB;
    const words: Words = [
      ((s0 % LIMB) | (w1 << 24)) >>> 0,
      ((w1 >>> 8) | (w2 << 16)) >>> 0,
      ((w2 >>> 16) | ((s3 % LIMB) << 8)) >>> 0,
      s4,
    ];
    this.#words(words, negative);
  }

  #words([w0, w1, w2, w3]: Words, negative: boolean): void {
    const view = this.#view;
    // The two's complement: all bits turned, and one added.
    const c0 = negative ? (~w0 + 1) >>> 0 : w0;
    const c1 = negative ? (~w1 + (c0 === 0 ? 1 : 0)) >>> 0 : w1;
    const c2 = negative ? (~w2 + (c0 === 0 && c1 === 0 ? 1 : 0)) >>> 0 : w2;
    const c3 = negative ? (~w3 + (c0 === 0 && c1 === 0 && c2 === 0 ? 1 : 0)) >>> 0 : w3;
    view.setUint32(this.#at, c0, true);
    view.setUint32(this.#at + 4, c1, true);
    view.setUint32(this.#at + 8, c2, true);
    view.setUint32(this.#at + 12, c3, true);
    this.#at += 16;
  }

  /** More digits than a double holds: rare, so by big integers. */
  #longDecimal(text: DecimalString): void {
    const [whole = '', fraction = ''] = text.split('.');
    const scaled = BigInt(whole + fraction.padEnd(SCALE_DIGITS, '0'));
    this.uint128(BigInt.asUintN(128, scaled));
  }

  /** @returns false, having written nothing, when a character needs more than one byte. */
  #shortAscii(text: string): boolean {
    const { length } = text;
    this.#reserve(length + 1);
    const buffer = this.#buffer;
    const start = this.#at + 1;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 127) return false;
      buffer[start + index] = code;
    }
    buffer[this.#at] = length;
    this.#at = start + length;
    return true;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes + MARGIN_BYTES;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = grown;
    this.#view = viewOf(grown);
  }
}

/** Four 32-bit words of a magnitude, lowest first. */
type Words = readonly [number, number, number, number];

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
