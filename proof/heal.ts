/**
 * Heals what a proof found, and proves it. In: what a proof is asked. Out: the proof before, what was
 * done, the proof after. All of it goes the way that candles go: ClickHouse has one writer, the analyzer,
 * which also holds states that must follow. First candles are sent again; what that does not heal,
 * because the analyzer believes that it is right, is changed in Postgres and changed back at once.
 */
import { askAgain } from './ask-again.ts';
import type { Damage } from './damage.ts';
import { prove, type Proof, type ProofOptions } from './prove.ts';
import { removeGhosts, rewriteStored } from './rewrite.ts';

interface Healed {
  /** Candles that an incremental snapshot sent again. */
  readonly asked: number;
  /** Candles that were changed and changed back in one transaction. */
  readonly rewritten: number;
  /** Ghosts that were told as deleted. */
  readonly removed: number;
}

export interface Healing {
  readonly found: Proof;
  /** Null where nothing was to be done. */
  readonly healed: Healed | null;
  readonly after: Proof | null;
}

/** Candles that are healed in one go; with more, the same command goes on. */
const ROWS_MAX = 20_000;

export async function healAndProve(options: ProofOptions): Promise<Healing> {
  const { clients, say } = options;
  const asked: ProofOptions = { ...options, rowsMax: ROWS_MAX };
  const found = await prove(asked);
  if (found.rows.length === 0) return { found, healed: null, after: null };
  const ofKind = (proof: Proof, ...kinds: Damage['kind'][]): Damage[] =>
    proof.rows.filter(({ kind }) => kinds.includes(kind));
  const again = ofKind(found, 'missing', 'differs');
  say(`repairing ${found.rows.length} candles`);
  const removed = await removeGhosts(clients.pool, ofKind(found, 'ghost'));
  let rewritten = await rewriteStored(clients.pool, ofKind(found, 'derived'));
  await askAgain(clients, again);
  let after = await prove(asked);
  const left = ofKind(after, 'missing', 'differs', 'derived');
  if (left.length > 0) {
    say(`${left.length} candles are still wrong; changing them in Postgres and back`);
    rewritten += await rewriteStored(clients.pool, left);
    after = await prove(asked);
  }
  return { found, healed: { asked: again.length, rewritten, removed }, after };
}
