/**
 * The kinds of jobs there are: the one table that `jobs.json` can name. A new kind is a module that
 * prepares its work, and a line here.
 */
import { backfillKind } from './backfill-job.ts';
import { collectKind } from './collect-job.ts';
import { fundingKind } from './funding-job.ts';
import { gapsKind } from './gaps-job.ts';
import { housekeepingKind } from './housekeeping-job.ts';
import type { JobKind } from './job.ts';
import { reconcileKind } from './reconcile-job.ts';
import { syncKind } from './sync-job.ts';

export const JOB_KINDS: ReadonlyMap<string, JobKind> = new Map([
  ['collect', collectKind],
  ['sync', syncKind],
  ['backfill', backfillKind],
  ['gaps', gapsKind],
  ['funding', fundingKind],
  ['housekeeping', housekeepingKind],
  ['reconcile', reconcileKind],
]);
