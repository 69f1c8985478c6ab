/**
 * The contracts of the topics that others read: which schema speaks on which topic. In: the .avsc files of
 * `connectors/schemas`. Out: their text as the registry gets it, and Avro types that write and read values.
 * The version in a topic's name is for good; within it schemas change only so that old readers read new
 * messages and new readers old ones.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { TOPIC_FEATURES, TOPIC_SIGNALS } from '#core/contracts/names.ts';
import { DecimalType } from './decimal-type.ts';

const FOLDER = join(import.meta.dirname, '..', 'schemas');

/** Names of the contracts, which are those of their files. */
export const CONTRACT_NAMES = ['features.v1', 'signals.v1'] as const;
export type ContractName = (typeof CONTRACT_NAMES)[number];

const TOPICS: Readonly<Record<ContractName, string>> = {
  'features.v1': TOPIC_FEATURES,
  'signals.v1': TOPIC_SIGNALS,
};

export interface Contract {
  readonly name: ContractName;
  readonly topic: string;
  /** What the registry keeps its versions under. */
  readonly subject: string;
  /** Of its schema. */
  readonly text: string;
}

/** The contract as it is today. */
export function readContract(name: ContractName): Contract {
  const topic = TOPICS[name];
  const text = schemaText(join(FOLDER, `${name}.avsc`));
  return { name, topic, subject: `${topic}-value`, text };
}

/** Every version that was ever published, oldest first. */
export function readHistory(name: ContractName): readonly string[] {
  const folder = join(FOLDER, 'history', name);
  return readdirSync(folder)
    .map((file) => Number(file.replace(/\.avsc$/, '')))
    .sort((a, b) => a - b)
    .map((version) => schemaText(join(folder, `${version}.avsc`)));
}

/** An Avro type; decimals are texts, times integers. @throws Error where the text is no schema. */
export function avroType(text: string): avro.Type {
  const type: unknown = avro.parse(text, { logicalTypes: { decimal: DecimalType } });
  if (!(type instanceof avro.Type)) throw new TypeError('the text is no schema of a type');
  return type;
}

/** In one spelling, so that equal schemas are equal texts. */
function schemaText(path: string): string {
  return JSON.stringify(JSON.parse(readFileSync(path, 'utf8')));
}
