/** Why a row is not of its documented shape: worked out only once it is known not to be. */
import { finding, type Finding } from './reject.ts';

/** A compiled schema, as far as it is needed here. */
interface Shape {
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

/** @param what for example `a kline`. */
export function mismatch(what: string, shape: Shape, row: unknown): Finding {
  const [first] = shape.Errors(row);
  const at = first === undefined || first.instancePath === '' ? '' : ` at "${first.instancePath}"`;
  return finding('malformed_row', `not ${what}: ${first?.message ?? 'another shape'}${at}`);
}
