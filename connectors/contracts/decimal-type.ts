/**
 * Avro's logical type `decimal` on bytes, for avsc: exact both ways, no float in between. In: canonical
 * decimal text, or a whole number as bigint. Out: the unscaled number in two's complement, big-endian,
 * and back as canonical text. A number that does not fit precision and scale is refused, never rounded.
 */
import avro from 'avsc';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';

const DecimalSchema = Compile(
  Type.Object({
    precision: Type.Integer({ minimum: 1, maximum: 76 }),
    scale: Type.Optional(Type.Integer({ minimum: 0, maximum: 38 })),
  }),
);

type Exported = Parameters<typeof avro.Type.forSchema>[0];

export class DecimalType extends avro.types.LogicalType {
  readonly #precision: number;
  readonly #scale: number;
  readonly #limit: bigint;
  /** Who writes a value copies its bytes before the next one comes. */
  readonly #scratch = Buffer.alloc(BYTES_MAX);
  /** The last value: a union asks for it before it writes it. */
  #last: { readonly value: unknown; readonly bytes: Buffer } | null = null;

  constructor(schema: ConstructorParameters<typeof avro.types.LogicalType>[0], options?: unknown) {
    super(schema, options);
    if (!DecimalSchema.Check(schema)) throw new TypeError('a decimal needs precision and scale');
    this.#precision = schema.precision;
    this.#scale = schema.scale ?? 0;
    this.#limit = 10n ** BigInt(schema.precision);
  }

  protected override _export(schema: Exported): void {
    if (typeof schema === 'object')
      Object.assign(schema, { precision: this.#precision, scale: this.#scale });
  }

  protected override _fromValue(bytes: unknown): string {
    if (!Buffer.isBuffer(bytes) || bytes.length === 0)
      throw new TypeError('a decimal without bytes');
    const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
    return decimalText(unscaled, this.#scale);
  }

  protected override _toValue(value: unknown): Buffer {
    if (this.#last !== null && this.#last.value === value) return this.#last.bytes;
    const unscaled = typeof value === 'bigint' ? value : unscaledOf(value, this.#scale);
    if (unscaled >= this.#limit || unscaled <= -this.#limit) {
      throw new RangeError(`"${String(value)}" has more than ${this.#precision} digits`);
    }
    const bytes = writeBytes(this.#scratch, unscaled);
    this.#last = { value, bytes };
    return bytes;
  }

  protected override _resolve(type: unknown): ((value: unknown) => unknown) | undefined {
    if (!(type instanceof DecimalType) || type.#scale !== this.#scale) return undefined;
    // What the writer's type has read is text already, the same for both.
    return (value) => value;
  }
}

function unscaledOf(value: unknown, scale: number): bigint {
  const match = typeof value === 'string' ? /^(-?\d+)(?:\.(\d+))?$/.exec(value) : null;
  const fraction = match?.[2] ?? '';
  if (match === null || fraction.length > scale) {
    throw new RangeError(`"${String(value)}" is no decimal of ${scale} fractional digits`);
  }
  return BigInt(match[1] + fraction.padEnd(scale, '0'));
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const sign = unscaled < 0n ? '-' : '';
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const fraction = digits.slice(-scale).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -scale)}${fraction === '' ? '' : `.${fraction}`}`;
}

const BYTES_MAX = 32;
const WORD_BYTES = 8;
const WORD_BITS = 64n;
/** What two words hold with a sign, which is nearly everything. */
const TWO_WORDS = 1n << 127n;

const shared = Buffer.alloc(BYTES_MAX);

/** Avro bytes of a decimal, to be copied before the next call. @throws RangeError where it does not fit. */
export function decimalBytes(value: string | bigint, scale: number): Buffer {
  return writeBytes(shared, typeof value === 'bigint' ? value : unscaledOf(value, scale));
}

/** The fewest bytes that hold it with its sign: the end of the given ones, which are written over. */
function writeBytes(into: Buffer, unscaled: bigint): Buffer {
  const words = unscaled < TWO_WORDS && unscaled >= -TWO_WORDS ? 2 : BYTES_MAX / WORD_BYTES;
  let from = BYTES_MAX - words * WORD_BYTES;
  let rest = unscaled;
  for (let at = BYTES_MAX - WORD_BYTES; at >= from; at -= WORD_BYTES) {
    into.writeBigUInt64BE(BigInt.asUintN(64, rest), at);
    rest >>= WORD_BITS;
  }
  const sign = unscaled < 0n ? 0xff : 0;
  // A byte that only repeats the sign of the one behind it says nothing.
  while (
    from < BYTES_MAX - 1 &&
    into[from] === sign &&
    (into[from + 1]! & 0x80) === (sign & 0x80)
  ) {
    from += 1;
  }
  return into.subarray(from);
}
