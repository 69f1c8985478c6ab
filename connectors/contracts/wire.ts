/**
 * The wire format of Confluent's registry: a zero byte, the id of the schema in four bytes, big-endian,
 * then the Avro bytes. In: bytes and an id, or a message's value. Out: the other.
 */

const MAGIC = 0;
export const WIRE_HEADER_BYTES = 5;

export function framed(schemaId: number, avro: Buffer): Buffer {
  const value = Buffer.allocUnsafe(WIRE_HEADER_BYTES + avro.length);
  value.writeUInt8(MAGIC, 0);
  value.writeInt32BE(schemaId, 1);
  avro.copy(value, WIRE_HEADER_BYTES);
  return value;
}

/** @throws RangeError for what is not in the format. */
export function unframed(value: Buffer): { readonly schemaId: number; readonly avro: Buffer } {
  if (value.length < WIRE_HEADER_BYTES || value.readUInt8(0) !== MAGIC) {
    const begin = value.subarray(0, WIRE_HEADER_BYTES).toString('hex');
    throw new RangeError(`"${begin}" does not begin with byte 00 and a schema id`);
  }
  return { schemaId: value.readInt32BE(1), avro: value.subarray(WIRE_HEADER_BYTES) };
}
