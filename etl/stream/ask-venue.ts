/**
 * The sentinel: what a stream told is held against what the venue answers when it is asked. In: a
 * series and the range that is due. Out: the venue's candles stored (holes and corrections with them)
 * and every disagreement on record. The venue's answer is what stays; the stream is only faster.
 */
import type { Candle } from '#core/candle.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { CandlePage, VenueAdapter } from '../extract/venue.ts';
import { ingestInto } from '../ingest.ts';
import type { SharedRun } from '../load/shared-run.ts';
import { recordStreamFinding, type StreamFinding } from '../load/record-stream-finding.ts';
import { moveAnchor } from '../load/set-anchors.ts';
import { canBecome, haveSameValues } from './same-values.ts';
import type { StreamedSeries } from './streamed-series.ts';

export interface AskOptions {
  readonly adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchCandles'>;
  readonly pool: Pool;
  /** What the answers are recorded under. */
  readonly run: SharedRun;
  /** The venue's clock, just asked. */
  readonly venueNow: EpochMs;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface AskReport {
  /** Closed candles that the venue answered. */
  readonly answered: number;
  /** Of those, how many the stream had told alike. */
  readonly agreed: number;
  /** Candles that were missing until now. */
  readonly repaired: number;
  readonly findings: readonly StreamFinding[];
}

/** After so many answers without it, a candle that was told as closed is on record as absent. */
const ABSENT_AFTER_ANSWERS = 5;

/** @throws AppError of the venue or WICK_ETL_LOAD_FAILED; the range stays due. */
export async function askVenue(
  state: StreamedSeries,
  range: { readonly from: EpochMs; readonly to: EpochMs },
  { adapter, pool, run, venueNow, clock, signal }: AskOptions,
): Promise<AskReport> {
  const comparison = new Comparison(state, clock);
  const watched: typeof adapter = {
    id: adapter.id,
    marketType: adapter.marketType,
    fetchCandles: (request) => comparison.watch(adapter.fetchCandles(request)),
  };
  const { series } = state;
  const report = await run.use(range, (runId) =>
    ingestInto(runId, { adapter: watched, pool, series, ...range, venueNow, signal }),
  );
  // The running candle that a fresh series begins with gave it its anchor; what came before counts too.
  await moveAnchor(pool, series, range.from);
  // As far as its answers were accepted: what was refused at the end is asked for again, with what follows.
  const until = report.watermark;
  const { fruitless } = state;
  if (until !== null) comparison.reportAbsent({ from: range.from, to: until });
  else if (fruitless + 1 >= ABSENT_AFTER_ANSWERS) comparison.reportAbsent(range);
  state.answered(until, clock.now());
  const findings: StreamFinding[] = [];
  for (const finding of comparison.findings) {
    if (await recordStreamFinding(pool, finding)) findings.push(finding);
  }
  const { inserted, closed } = report.counts;
  const { answered, agreed } = comparison;
  return { answered, agreed, repaired: Math.max(0, inserted + closed), findings };
}

/** Compares pages as they pass by on their way into the store. */
class Comparison {
  readonly #state: StreamedSeries;
  readonly #clock: Clock;
  readonly findings: StreamFinding[] = [];
  answered = 0;
  agreed = 0;
  readonly #told = new Set<EpochMs>();

  constructor(state: StreamedSeries, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  async *watch(
    pages: AsyncGenerator<CandlePage, void, undefined>,
  ): AsyncGenerator<CandlePage, void, undefined> {
    for await (const page of pages) {
      for (const { candle } of page.candles) {
        if (!candle.isClosed) continue;
        this.#compare(candle);
      }
      yield page;
    }
  }

  /** What was told as closed and the venue does not have, though it has what follows or is asked often. */
  reportAbsent({ from, to }: { readonly from: EpochMs; readonly to: EpochMs }): void {
    for (const streamed of this.#state.saidClosed(from, to)) {
      if (this.#told.has(streamed.openTime)) continue;
      this.#add({
        openTime: streamed.openTime,
        verdict: 'absent_at_venue',
        streamed,
        answered: null,
      });
    }
  }

  #compare(answered: Candle): void {
    this.answered += 1;
    this.#told.add(answered.openTime);
    const { openTime } = answered;
    const streamed = this.#state.ended(openTime);
    if (streamed === undefined) {
      if (!this.#state.wasHeld(openTime)) return;
      this.#add({ openTime, verdict: 'not_streamed', streamed: null, answered });
    } else if (
      streamed.isClosed ? haveSameValues(streamed, answered) : canBecome(streamed, answered)
    ) {
      this.agreed += 1;
    } else {
      this.#add({ openTime, verdict: 'differs', streamed, answered });
    }
  }

  #add(finding: Omit<StreamFinding, 'series' | 'foundAt'>): void {
    this.findings.push({
      ...finding,
      series: this.#state.series,
      foundAt: this.#clock.now(),
    });
  }
}
