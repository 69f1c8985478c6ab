/** Signals to processes of ours; one that is already gone needs none. */
import { AppError } from '#core/errors.ts';

/**
 * @param pid negative for the whole process group.
 * @throws AppError WICK_LOCAL_FOLDER_UNUSABLE when the process belongs to another user.
 */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ESRCH') return;
    if (code !== 'EPERM') throw error;
    throw new AppError(
      'WICK_LOCAL_FOLDER_UNUSABLE',
      `Process ${Math.abs(pid)} of this stack belongs to another user; run the command as that user`,
      { cause: error },
    );
  }
}
