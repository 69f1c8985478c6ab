/**
 * A reader of the signals topic: what it holds for true after the messages that it got. In: messages as the
 * analyzer makes them, in the order of their partition, some of them again. Out: the decisions that stand.
 * It follows the rule of the contract and nothing else: of a key the highest version holds, of equal ones
 * the last.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { readContract, avroType } from '../../connectors/contracts/contract.ts';
import { unframed } from '../../connectors/contracts/wire.ts';
import type { RegisteredContracts } from '../../connectors/index.ts';

/** Contracts under ids that no registry gave. */
export const SYNTHETIC_CONTRACTS: RegisteredContracts = {
  'features.v1': { ...readContract('features.v1'), schemaId: 101 },
  'signals.v1': { ...readContract('signals.v1'), schemaId: 102 },
};

const SIGNAL = avroType(SYNTHETIC_CONTRACTS['signals.v1'].text);
const Message = Type.Object({
  exchange: Type.String(),
  market_type: Type.String(),
  symbol: Type.String(),
  interval: Type.String(),
  ts_event: Type.Integer(),
  status: Type.String(),
  decision: Type.Union([Type.String(), Type.Null()]),
  version: Type.String(),
});

export class ToldDecisions {
  readonly #byKey = new Map<
    string,
    { readonly place: string; readonly version: bigint; readonly decision: string | null }
  >();

  /** @throws Error where the value is none of the contract. */
  take(told: { readonly key: string; readonly value: Buffer } | null): void {
    if (told === null) return;
    const { key, value } = told;
    const message = Value.Parse(Message, SIGNAL.fromBuffer(unframed(value).avro));
    const version = BigInt(message.version);
    const known = this.#byKey.get(key);
    if (known !== undefined && known.version > version) return;
    const { exchange, market_type: marketType, symbol, interval, ts_event: openTime } = message;
    const place = `${exchange}|${marketType}|${symbol}|${interval} ${openTime}`;
    this.#byKey.set(key, { place, version, decision: message.decision });
  }

  /** By `series open-time`. */
  standing(): Record<string, string> {
    const standing: Record<string, string> = {};
    for (const { place, decision } of this.#byKey.values()) {
      if (decision !== null) standing[place] = decision;
    }
    return standing;
  }
}

/** The decisions among rows of signals, as texts by place. */
export function decisionsOf(rows: Readonly<Record<string, string | null>>): Record<string, string> {
  const decisions: Record<string, string> = {};
  for (const [place, saying] of Object.entries(rows)) {
    const found = /"status":"active".*"decision":"(Long|Short)"/.exec(saying ?? '')?.[1];
    if (found !== undefined) decisions[place] = found;
  }
  return decisions;
}
