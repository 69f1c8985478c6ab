/**
 * The only place where a value becomes SQL text. In: bytes or names from a request. Out: a quoted literal or
 * identifier that ClickHouse reads back as exactly those bytes. Never decides what the text means.
 */
import { isUtf8 } from 'node:buffer';

/** `'…'` holding exactly these bytes. Bytes that are not UTF-8 travel as `\xHH`, since the engine takes text. */
export function quoteBytes(bytes: Uint8Array): string {
  return `'${escapeBytes(bytes)}'`;
}

export function quoteText(text: string): string {
  return quoteBytes(Buffer.from(text, 'utf8'));
}

/** `` `…` `` for a database, table or column name. */
export function quoteName(name: string): string {
  return `\`${escapeBytes(Buffer.from(name, 'utf8')).replaceAll('`', '\\x60')}\``;
}

/** SQL bytes as text; raw bytes inside string literals that are not UTF-8 become escapes. */
export function sqlText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return bytes.toString('latin1').replaceAll(/[\x80-\xff]/g, hexEscape);
}

function escapeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) {
    // oxlint-disable-next-line no-control-regex -- control characters are what is being escaped
    return buffer.toString('utf8').replaceAll(/[\\'\x00-\x1f\x7f]/g, hexEscape);
  }
  // oxlint-disable-next-line no-control-regex -- as above
  return buffer.toString('latin1').replaceAll(/[\\'\x00-\x1f\x7f-\xff]/g, hexEscape);
}

function hexEscape(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
