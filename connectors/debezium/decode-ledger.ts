/**
 * Gaps, funding payments and anchors out of their change messages. In: an envelope that was checked. Out: the
 * change. @throws RangeError that names the field and the value, which the caller turns into a reason.
 */
import type {
  AnchorChange,
  FundingChange,
  FundingPayment,
  GapChange,
} from '#core/contracts/ledger-change.ts';
import { GAP_CAUSES, type Gap, type GapCause } from '#core/gap.ts';
import type { AnchorEnvelope, FundingEnvelope, GapEnvelope } from './envelope.ts';
import {
  exact,
  exactOrNull,
  idText,
  instant,
  instantOrNull,
  placeOf,
  price,
  rowOf,
  type TopicMessage,
} from './fields.ts';

export function toGapChange(envelope: GapEnvelope, message: TopicMessage): GapChange {
  const { op, row, live } = rowOf(envelope);
  return {
    ...placeOf(op, row, envelope.source, message),
    from: instant('gap_from', row.gap_from),
    gap: live === null ? null : gapOf(live),
  };
}

function gapOf(row: NonNullable<GapEnvelope['after']>): Gap {
  return {
    from: instant('gap_from', row.gap_from),
    to: instant('gap_to', row.gap_to),
    candles: row.candles,
    cause: causeOf(row.cause),
    attempts: row.attempts,
    emptyAnswers: row.empty_answers,
    firstSeenAt: instant('first_seen_at', row.first_seen_at),
    lastCheckedAt: instantOrNull('last_checked_at', row.last_checked_at),
    resolvedAt: instantOrNull('resolved_at', row.resolved_at),
    detail: row.detail,
    lastRunId: idText('last_run_id', row.last_run_id),
  };
}

function causeOf(text: string): GapCause {
  const cause = GAP_CAUSES.find((known) => known === text);
  if (cause === undefined) throw new RangeError(`cause "${text}" is unknown`);
  return cause;
}

export function toFundingChange(envelope: FundingEnvelope, message: TopicMessage): FundingChange {
  const { op, row, live } = rowOf(envelope);
  return {
    ...placeOf(op, row, envelope.source, message),
    fundingTime: instant('funding_time', row.funding_time),
    payment: live === null ? null : paymentOf(live),
    ingestRunId: idText('ingest_run_id', live?.ingest_run_id ?? null),
    rawId: idText('raw_id', live?.raw_id ?? null),
  };
}

function paymentOf(row: NonNullable<FundingEnvelope['after']>): FundingPayment {
  return {
    rate: exact('rate', row.rate),
    markPrice: row.mark_price === null ? null : price('mark_price', row.mark_price),
    premium: exactOrNull('premium', row.premium),
    observedAt: instant('observed_at', row.observed_at),
    source: row.source,
  };
}

export function toAnchorChange(envelope: AnchorEnvelope, message: TopicMessage): AnchorChange {
  const { op, row, live } = rowOf(envelope);
  const place = placeOf(op, row, envelope.source, message);
  return {
    ...place,
    anchor: live === null ? null : instant('anchor', live.anchor),
    movedAt: live === null ? place.committedAt : instant('moved_at', live.moved_at),
  };
}
