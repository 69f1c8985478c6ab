/**
 * Makes the contracts known to the registry. In: the registry. Out: the id of each contract's schema, which
 * every message carries. Refuses to go on where the registry refuses: whoever cannot register a schema must
 * not write with it.
 */
import { CONTRACT_NAMES, readContract, type Contract, type ContractName } from './contract.ts';
import type { SchemaRegistry } from './registry.ts';

/**
 * Every version reads and is read by every other. The registry takes anything until it is told, so it is
 * told first.
 */
export const COMPATIBILITY = 'FULL_TRANSITIVE';

export interface RegisteredContract extends Contract {
  readonly schemaId: number;
}
export type RegisteredContracts = Readonly<Record<ContractName, RegisteredContract>>;

/** @throws AppError WICK_REGISTRY_REFUSED, WICK_REGISTRY_UNREACHABLE */
export async function registerContracts(registry: SchemaRegistry): Promise<RegisteredContracts> {
  await registry.setCompatibility(COMPATIBILITY);
  const [features, signals] = await Promise.all(
    CONTRACT_NAMES.map(async (name) => {
      const contract = readContract(name);
      return { ...contract, schemaId: await registry.register(contract.subject, contract.text) };
    }),
  );
  return { 'features.v1': features!, 'signals.v1': signals! };
}
