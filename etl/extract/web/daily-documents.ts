/**
 * Sources that answer one day a request. In: how a day's address is made. Out: their documents, one
 * for each day of a range, oldest first, made as they are taken.
 */
import { epochMs, type EpochMs } from '#core/time.ts';
import { DAY_MS } from './day-format.ts';
import { goodMsOf } from './policy.ts';
import type { DayRange, DocumentKind, DocumentPlan, WebDocument } from './source.ts';

export interface DailyDocuments {
  of(day: EpochMs, now: EpochMs): WebDocument;
  plan(range: DayRange): DocumentPlan;
}

/** @param url the address of the day's document. */
export function createDailyDocuments(
  kind: DocumentKind,
  url: (day: EpochMs) => string,
): DailyDocuments {
  const of = (day: EpochMs, now: EpochMs): WebDocument => ({
    url: url(day),
    kind,
    day,
    goodMs: goodMsOf(day, now),
  });
  function* each({ first, last, now }: DayRange): Generator<WebDocument, void, undefined> {
    for (let day = first; day <= last; day = epochMs(day + DAY_MS)) yield of(day, now);
  }
  return { of, plan: (range) => ({ use: 'each', documents: each(range) }) };
}

/** Midnight of the day that holds `time`, UTC. */
export function dayOf(time: EpochMs): EpochMs {
  return epochMs(Math.floor(time / DAY_MS) * DAY_MS);
}
