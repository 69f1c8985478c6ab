/**
 * The captured change messages as data. In: the fixture of `connectors/debezium`. Out: each record by
 * its name, and variants of it that differ in one place. See fixtures/SOURCES.md.
 */
import { readFileSync } from 'node:fs';

const FIXTURES = new URL('../../connectors/debezium/fixtures/', import.meta.url);

export interface CapturedMessage {
  readonly name: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer;
  /** The bytes as Kafka carried them. */
  readonly value: Buffer;
}

/** Those of candles, by partition in the order of their offsets. */
export const CAPTURED: readonly CapturedMessage[] = readFixture('candle-messages.tsv');

/** Those of gaps, funding payments and anchors. */
export const CAPTURED_LEDGER: readonly CapturedMessage[] = readFixture('ledger-messages.tsv');

function readFixture(name: string): CapturedMessage[] {
  return readFileSync(new URL(name, FIXTURES), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [label = '', partition = '', offset = '', key = '', value = ''] = line.split('\t');
      return {
        name: label,
        partition: Number(partition),
        offset,
        key: Buffer.from(key),
        value: Buffer.from(value),
      };
    });
}

/** The one with this name. */
export function captured(name: string): CapturedMessage {
  const found = [...CAPTURED, ...CAPTURED_LEDGER].find((message) => message.name === name);
  if (found === undefined) throw new Error(`no captured message is called "${name}"`);
  return found;
}

/** The same record with one piece of its text replaced; the piece must be there. */
export function altered(
  name: string,
  piece: string | RegExp,
  replacement: string,
): CapturedMessage {
  const message = captured(name);
  const text = message.value.toString('utf8');
  const value = text.replace(piece, () => replacement);
  if (value === text) throw new Error(`"${name}" has no ${String(piece)}`);
  return { ...message, value: Buffer.from(value) };
}
