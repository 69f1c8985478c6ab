/**
 * The wire format of Confluent's registry: a zero byte, the id of the schema in four bytes, big-endian,
 * then the Avro bytes. In: an id and a value of its schema, or a message's value. Out: the other.
 */
import type { Type } from 'avsc';

const MAGIC = 0;
export const WIRE_HEADER_BYTES = 5;
const SCRATCH_BYTES = 16_384;
const scratch = Buffer.alloc(SCRATCH_BYTES);

/** A value as a message. @throws Error where it is not of the type. */
export function framed(schemaId: number, type: Type, value: object): Buffer {
  let buffer = scratch;
  let end = type.encode(value, buffer, WIRE_HEADER_BYTES);
  if (end < 0) {
    // So many bytes are missing.
    buffer = Buffer.alloc(SCRATCH_BYTES - end);
    end = type.encode(value, buffer, WIRE_HEADER_BYTES);
  }
  buffer.writeUInt8(MAGIC, 0);
  buffer.writeInt32BE(schemaId, 1);
  return Buffer.from(buffer.subarray(0, end));
}

/** @throws RangeError for what is not in the format. */
export function unframed(value: Buffer): { readonly schemaId: number; readonly avro: Buffer } {
  if (value.length < WIRE_HEADER_BYTES || value.readUInt8(0) !== MAGIC) {
    const begin = value.subarray(0, WIRE_HEADER_BYTES).toString('hex');
    throw new RangeError(`"${begin}" does not begin with byte 00 and a schema id`);
  }
  return { schemaId: value.readInt32BE(1), avro: value.subarray(WIRE_HEADER_BYTES) };
}
