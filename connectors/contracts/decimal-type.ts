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
    const unscaled = typeof value === 'bigint' ? value : unscaledOf(value, this.#scale);
    if (unscaled >= this.#limit || unscaled <= -this.#limit) {
      throw new RangeError(`"${String(value)}" has more than ${this.#precision} digits`);
    }
    return bytesOf(unscaled);
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

/** The fewest bytes that hold it with its sign. */
function bytesOf(unscaled: bigint): Buffer {
  // The sign wants a bit of its own, and of -1 and below the complement has the same bits.
  const bits = (unscaled < 0n ? ~unscaled : unscaled).toString(2).length + 1;
  const length = Math.ceil(bits / 8);
  const digits = BigInt.asUintN(length * 8, unscaled).toString(16);
  return Buffer.from(digits.padStart(length * 2, '0'), 'hex');
}
