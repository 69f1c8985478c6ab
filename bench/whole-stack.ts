import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
export async function startBench(_context: BenchContext): Promise<Measured[]> {
  return [];
}
export async function memoryBench(_context: BenchContext): Promise<Measured[]> {
  return [];
}
