/**
 * Replays, writes what was found to be wrong, and replays again. In: what a replay is asked. Out: the replay
 * before, how many candles' rows were written, the replay after. Nothing is written while the candles
 * themselves differ between the stores: what is computed from them would be wrong in another way.
 */
import { AppError } from '#core/errors.ts';
import { lsnOf } from '#core/lsn.ts';
import { applyRows } from './apply-rows.ts';
import { prove } from './prove.ts';
import { replay, type Replay, type ReplayOptions } from './replay.ts';

export interface AppliedReplay {
  readonly found: Replay;
  /** Candles whose rows were written. */
  readonly applied: number;
  /** Null where nothing was to be done. */
  readonly after: Replay | null;
}

/** Rows that are written in one go; with more, the same command goes on. */
const ROWS_MAX = 20_000;

/** @throws AppError WICK_USAGE as of an LSN, WICK_REPLAY_REFUSED while candles differ. */
export async function applyReplay(options: ReplayOptions): Promise<AppliedReplay> {
  const { clients, scope, atLsn, say } = options;
  if (atLsn !== null) {
    throw new AppError(
      'WICK_USAGE',
      '--apply writes what holds now, and --at-lsn asks what was known then; give one of the two',
    );
  }
  const asked: ReplayOptions = { ...options, rowsMax: ROWS_MAX };
  const found = await replay(asked);
  if (found.rows.length === 0) return { found, applied: 0, after: null };
  // All candles before a row bear on it.
  const proof = await prove({ ...options, scope: { ...scope, from: null }, rowsMax: 1_000 });
  const candles = proof.rows.filter(({ kind }) => kind !== 'derived');
  if (candles.length > 0) {
    throw new AppError(
      'WICK_REPLAY_REFUSED',
      `nothing is written while ${candles.length} candles differ between Postgres and ClickHouse; ` +
        '"wick reconcile --repair" heals those, then replay again',
    );
  }
  say(`rows to be written: ${found.rows.length}`);
  const applied = await applyRows(
    clients.clickhouse,
    clients.producer,
    found.rows,
    lsnOf(found.lsn),
  );
  return { found, applied, after: await replay(asked) };
}
