import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
export async function freshnessBench(_context: BenchContext): Promise<Measured[]> {
  return [];
}
