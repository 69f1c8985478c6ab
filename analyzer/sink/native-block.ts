/**
 * Columns of ClickHouse's Native format. In: values, one by one, the same number in each column of a
 * block. Out: the bytes of a block. A column may stand in the blocks of several tables; it is written
 * once. Columns name the type they send: where a table's is LowCardinality(Nullable) or an Array of
 * LowCardinality, ClickHouse makes it from the plain one.
 * @see https://clickhouse.com/docs/interfaces/formats/Native
 */
import type { DecimalString } from '#core/decimal.ts';
import { BinaryWriter } from './binary-writer.ts';

/** `LowCardinality`: a dictionary of the block's own, and places in it of 32 bits. */
const DICTIONARY_VERSION = 1n;
const PLACES_OF_32_BITS = 2n;
const HAS_KEYS = 1n << 9n;
const IS_ALL_OF_IT = 1n << 10n;

const WIDTHS = {
  Int64: 8,
  UInt64: 8,
  Float64: 8,
  'Decimal(38, 18)': 16,
  "DateTime64(3, 'UTC')": 8,
} as const;

export interface NativeColumn {
  /** As ClickHouse spells it. */
  readonly type: string;
  /** Rows written since it was cleared. */
  readonly length: number;
  /** Its bytes in a block, piece by piece; they hold until the column is cleared or written on. */
  parts(): readonly Buffer[];
  clear(): void;
}

type PlainType =
  | 'UInt8'
  | 'UInt16'
  | 'UInt32'
  | 'UInt64'
  | 'UInt128'
  | "DateTime64(3, 'UTC')"
  | 'Decimal(38, 18)'
  | 'String';

/** Values one after the other, without nulls; one call to `next` for each. */
export class PlainColumn implements NativeColumn {
  readonly type: PlainType;
  readonly #values = new BinaryWriter();
  length = 0;

  constructor(type: PlainType) {
    this.type = type;
  }

  /** Write exactly one value of the column's type to it. */
  get next(): BinaryWriter {
    this.length += 1;
    return this.#values;
  }

  parts(): readonly Buffer[] {
    return [this.#values.bytes()];
  }

  clear(): void {
    this.#values.clear();
    this.length = 0;
  }
}

/** A mark for each value, then the values, with something of their width where there is none. */
export class NullableColumn implements NativeColumn {
  readonly type: string;
  readonly #width: number;
  readonly #nulls = new BinaryWriter();
  readonly #values = new BinaryWriter();

  /** @param inner of strings the empty one stands in. */
  constructor(inner: keyof typeof WIDTHS | 'String') {
    this.type = `Nullable(${inner})`;
    this.#width = inner === 'String' ? 1 : WIDTHS[inner];
  }

  get length(): number {
    return this.#nulls.length;
  }

  decimal(value: DecimalString | null): void {
    if (this.#isPresent(value)) this.#values.decimal(value);
  }

  int64(value: number | null): void {
    if (this.#isPresent(value)) this.#values.int64(value);
  }

  uint64(value: bigint | null): void {
    if (this.#isPresent(value)) this.#values.uint64(value);
  }

  float64(value: number | null): void {
    if (this.#isPresent(value)) this.#values.float64(value);
  }

  string(value: string | null): void {
    if (this.#isPresent(value)) this.#values.string(value);
  }

  #isPresent<T>(value: T | null): value is T {
    this.#nulls.uint8(value === null ? 1 : 0);
    if (value === null) this.#values.zeros(this.#width);
    return value !== null;
  }

  parts(): readonly Buffer[] {
    return [this.#nulls.bytes(), this.#values.bytes()];
  }

  clear(): void {
    this.#nulls.clear();
    this.#values.clear();
  }
}

/** Few different texts: each goes out once, and its place in every row. */
export class DictionaryColumn implements NativeColumn {
  readonly type = 'LowCardinality(String)';
  readonly #places = new Map<string, number>();
  readonly #keys = new BinaryWriter();
  readonly #rows = new BinaryWriter();
  length = 0;

  string(text: string): void {
    let place = this.#places.get(text);
    if (place === undefined) {
      place = this.#places.size;
      this.#places.set(text, place);
      this.#keys.string(text);
    }
    this.#rows.uint32(place);
    this.length += 1;
  }

  parts(): readonly Buffer[] {
    const head = Buffer.alloc(24);
    head.writeBigUInt64LE(DICTIONARY_VERSION, 0);
    head.writeBigUInt64LE(PLACES_OF_32_BITS | HAS_KEYS | IS_ALL_OF_IT, 8);
    head.writeBigUInt64LE(BigInt(this.#places.size), 16);
    const rows = Buffer.alloc(8);
    rows.writeBigUInt64LE(BigInt(this.length));
    return [head, this.#keys.bytes(), rows, this.#rows.bytes()];
  }

  clear(): void {
    this.#places.clear();
    this.#keys.clear();
    this.#rows.clear();
    this.length = 0;
  }
}

/** Where each row's elements end, then the elements of all rows. */
export class ArrayColumn<Element extends NativeColumn> implements NativeColumn {
  readonly #ends = new BinaryWriter();
  readonly elements: Element;
  length = 0;

  constructor(elements: Element) {
    this.elements = elements;
  }

  get type(): string {
    return `Array(${this.elements.type})`;
  }

  /** Ends a row after the elements that were written since the last one. */
  end(): void {
    this.#ends.int64(this.elements.length);
    this.length += 1;
  }

  parts(): readonly Buffer[] {
    return [this.#ends.bytes(), ...this.elements.parts()];
  }

  clear(): void {
    this.#ends.clear();
    this.elements.clear();
    this.length = 0;
  }
}

/**
 * The bytes of a block; of none where there are no rows.
 * @throws Error when the columns do not have one length.
 */
export function encodeBlock(columns: Readonly<Record<string, NativeColumn>>): Buffer {
  const entries = Object.entries(columns);
  const rows = entries[0]?.[1].length ?? 0;
  if (rows === 0) return Buffer.alloc(0);
  const heads = new BinaryWriter();
  heads.varint(entries.length);
  heads.varint(rows);
  const parts: Buffer[] = [];
  for (const [name, column] of entries) {
    if (column.length !== rows) {
      throw new Error(`column ${name} has ${column.length} rows where the others have ${rows}`);
    }
    heads.string(name);
    heads.string(column.type);
    parts.push(Buffer.from(heads.bytes()), ...column.parts());
    heads.clear();
  }
  return Buffer.concat(parts);
}
