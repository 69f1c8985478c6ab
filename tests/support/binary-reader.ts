/**
 * Reads blocks of ClickHouse's Native format, independently of the code that writes them: plain
 * big-integer arithmetic, no shortcuts. In: bytes. Out: rows, and the types that the block names.
 * @see https://clickhouse.com/docs/interfaces/formats/Native
 */

/** An exact value as text: integers and decimals as digits, floats as their bits in hex. */
export type Cell = string | null | readonly Cell[];

export class BinaryReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** `count` values of a column. @throws Error for a type it does not know, RangeError past the end. */
  column(type: string, count: number): Cell[] {
    const [, outer = '', inner = ''] = /^(Nullable|Array|LowCardinality)\((.*)\)$/.exec(type) ?? [];
    if (outer === 'Nullable') {
      const nulls = Array.from({ length: count }, () => this.#unsigned(1) === 1n);
      return this.column(inner, count).map((cell, row) => (nulls[row] === true ? null : cell));
    }
    if (outer === 'Array') {
      const ends = Array.from({ length: count }, () => Number(this.#unsigned(8)));
      const elements = this.column(inner, ends.at(-1) ?? 0);
      return ends.map((end, row) => elements.slice(row === 0 ? 0 : ends[row - 1], end));
    }
    if (outer === 'LowCardinality') return this.#dictionary(inner, count);
    return Array.from({ length: count }, () => this.read(type));
  }

  /** Its own keys, all of them, then a place among them for each row, of 32 bits. */
  #dictionary(type: string, count: number): Cell[] {
    const [version, flags] = [this.#unsigned(8), this.#unsigned(8)];
    if (version !== 1n || flags !== 0x602n) throw new Error(`dictionary ${version}, ${flags}`);
    const keys = this.column(type, Number(this.#unsigned(8)));
    const rows = Number(this.#unsigned(8));
    if (rows !== count) throw new Error(`${rows} places for ${count} rows`);
    return Array.from({ length: count }, () => {
      const key = keys[Number(this.#unsigned(4))];
      if (key === undefined) throw new RangeError('a place behind the keys');
      return key;
    });
  }

  /** The next plain value. @throws Error for a type it does not know, RangeError past the end. */
  read(type: string): Cell {
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

export interface NativeBlock {
  /** As the block spells them, by column, in its order. */
  readonly types: Readonly<Record<string, string>>;
  readonly rows: Record<string, Cell>[];
}

/** A body of one block, or of none; its last column must end where the body does. */
export function readNative(bytes: Buffer): NativeBlock {
  if (bytes.length === 0) return { types: {}, rows: [] };
  const reader = new BinaryReader(bytes);
  const [columns, count] = [reader.varint(), reader.varint()];
  const types: Record<string, string> = {};
  const rows: Record<string, Cell>[] = Array.from({ length: count }, () => ({}));
  for (let column = 0; column < columns; column += 1) {
    const [name, type] = [String(reader.read('String')), String(reader.read('String'))];
    types[name] = type;
    for (const [row, cell] of reader.column(type, count).entries()) rows[row]![name] = cell;
  }
  if (!reader.isAtEnd) throw new Error('bytes behind the last column');
  return { types, rows };
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
