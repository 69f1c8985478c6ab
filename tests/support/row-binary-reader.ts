/**
 * Reads ClickHouse's RowBinary, independently of the code that writes it: plain big-integer
 * arithmetic, no shortcuts. In: bytes and the types of the columns as the DDL spells them. Out: rows.
 * @see https://clickhouse.com/docs/interfaces/formats/RowBinary
 */

/** An exact value as text: integers and decimals as digits, floats as their bits in hex. */
export type Cell = string | null | readonly Cell[];

export class RowBinaryReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next value. @throws Error for a type it does not know, RangeError past the end. */
  read(type: string): Cell {
    const [, outer = '', inner = ''] = /^(Nullable|Array|LowCardinality)\((.*)\)$/.exec(type) ?? [];
    if (outer === 'LowCardinality') return this.read(inner);
    if (outer === 'Nullable') return this.#unsigned(1) === 1n ? null : this.read(inner);
    if (outer === 'Array') {
      return Array.from({ length: this.varint() }, () => this.read(inner));
    }
    const [, sign = '', bits = ''] = /^(U?)Int(\d+)$/.exec(type) ?? [];
    if (bits !== '') {
      const width = Number(bits) / 8;
      return String(sign === 'U' ? this.#unsigned(width) : this.#signed(width));
    }
    if (type === 'String') return this.#take(this.varint()).toString('utf8');
    if (type === 'Float64') return Buffer.from(this.#take(8)).reverse().toString('hex');
    if (type === "DateTime64(3, 'UTC')") return String(this.#signed(8));
    if (type === 'Decimal(38, 18)') return plain(this.#signed(16));
    throw new Error(`no reader for ${type}`);
  }

  /** Unsigned LEB128. */
  varint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#unsigned(1);
      value += (byte & 0x7fn) << shift;
      if (byte < 0x80n) return Number(value);
    }
  }

  #unsigned(width: number): bigint {
    return this.#take(width).reduceRight((value, byte) => (value << 8n) + BigInt(byte), 0n);
  }

  #signed(width: number): bigint {
    return BigInt.asIntN(width * 8, this.#unsigned(width));
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError(`${length} bytes wanted at ${this.#at}`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** All rows of a body; the last must end where the body does. */
export function readRowBinary(
  bytes: Buffer,
  columns: readonly { readonly name: string; readonly type: string }[],
): Record<string, Cell>[] {
  const reader = new RowBinaryReader(bytes);
  const rows: Record<string, Cell>[] = [];
  while (!reader.isAtEnd) {
    rows.push(Object.fromEntries(columns.map(({ name, type }) => [name, reader.read(type)])));
  }
  return rows;
}

/** A float as the reader shows it. */
export function floatBits(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

/** The canonical text of a count of 10^-18. */
function plain(units: bigint): string {
  const digits = String(units < 0n ? -units : units).padStart(19, '0');
  const fraction = digits.slice(-18).replace(/0+$/, '');
  const whole = digits.slice(0, -18);
  return `${units < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}
