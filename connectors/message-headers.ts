/**
 * Headers of Kafka messages as a list, which keeps what names alone cannot: that one comes twice, that
 * one has no value. In: what kafkajs hands over, be the names ever so odd. Out: a list, and back.
 */

export type RawHeader = readonly [name: string, value: Buffer | null];

/** What kafkajs hands over of a header. */
type HeaderValue = Buffer | string | null | undefined;
export type MessageHeaders = Readonly<Record<string, HeaderValue | HeaderValue[]>>;

/** Lengths of name and value, as Kafka writes them, at most. */
const OVERHEAD_BYTES = 10;

export function listHeaders(headers: MessageHeaders = {}): RawHeader[] {
  const list: RawHeader[] = [];
  for (const [name, content] of Object.entries(headers)) {
    for (const each of Array.isArray(content) ? content : [content]) {
      if (each === null || each === undefined) list.push([name, null]);
      else if (typeof each === 'string') list.push([name, Buffer.from(each)]);
      // kafkajs takes what every object inherits for a first value where a header is called "constructor".
      else if (Buffer.isBuffer(each)) list.push([name, each]);
    }
  }
  return list;
}

/** As kafkajs takes them. It cannot send a header without a value: that becomes an empty one. */
export function messageHeaders(list: readonly RawHeader[]): Record<string, Buffer[]> {
  const gathered = new Map<string, Buffer[]>();
  for (const [name, bytes] of list) {
    const values = gathered.get(name) ?? [];
    values.push(bytes ?? Buffer.alloc(0));
    gathered.set(name, values);
  }
  return Object.fromEntries(gathered);
}

/** Bytes that headers take in a message. */
export function headerBytes(headers: Readonly<Record<string, string | Buffer | Buffer[]>>): number {
  let bytes = 0;
  for (const [name, content] of Object.entries(headers)) {
    for (const each of Array.isArray(content) ? content : [content]) {
      bytes += Buffer.byteLength(name) + Buffer.byteLength(each) + OVERHEAD_BYTES;
    }
  }
  return bytes;
}
