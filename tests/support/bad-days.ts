/**
 * A recorded venue that has bad days, and the adapter in front of it. Time is stepped: a sleep moves the
 * one wall clock that adapter and venue share, so waits are exact and cost nothing. In: the venue's own
 * recordings and its now. Out: both, anew for each test, and tests of trouble that every venue has.
 */
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import type { VenueOptions } from '../../etl/extract/venue-options.ts';
import type { CandleRequest, VenueAdapter } from '../../etl/extract/venue.ts';
import type { Fault } from '../../local/venues/faults.ts';
import { createRecordedVenue, type RecordedVenue } from '../../local/venues/recorded-venue.ts';
import { recordingsOf, type RecordingsFolder } from './recordings-of.ts';
import { candlesOf, collectPages } from './venue-pages.ts';

export interface BadDaysOptions {
  readonly exchange: 'coinbase' | 'hyperliquid';
  /** Files beside those of the venue, by name. */
  readonly recordings?: Readonly<Record<string, string>>;
  /** The venue's now. */
  readonly now: EpochMs;
  /** Where the wall clock begins that waits are measured by. */
  readonly wallStart: EpochMs;
  readonly create: (options: VenueOptions) => VenueAdapter;
}

export interface BadDays {
  readonly venue: RecordedVenue;
  readonly adapter: VenueAdapter;
  /** Each wait of the adapter, ms. */
  readonly slept: readonly number[];
  /** The same recordings at another now of the venue. */
  readonly moveTo: (now: EpochMs) => Promise<void>;
  readonly plan: (...faults: readonly Fault[]) => void;
}

/** Registers its own set-up; what it returns is of the test that runs. */
export function useBadDays(options: BadDaysOptions): BadDays {
  const { exchange, recordings, now, wallStart, create } = options;
  let folder: RecordingsFolder | undefined;
  let open: { readonly venue: RecordedVenue; readonly adapter: VenueAdapter } | undefined;
  let slept: number[] = [];
  const inUse = () => {
    if (open === undefined) throw new Error('no test runs');
    return open;
  };
  const close = async (): Promise<void> => {
    open?.adapter.close();
    await open?.venue.close();
    open = undefined;
  };
  const moveTo = async (venueNow: EpochMs): Promise<void> => {
    await close();
    if (folder === undefined) throw new Error('there are no recordings');
    const wallClock = createManualClock(wallStart);
    slept = [];
    const venue = await createRecordedVenue({
      directory: folder.directory,
      clock: createManualClock(venueNow),
      wallClock,
      logger: pino({ level: 'silent' }),
    });
    const adapter = create({
      ...venue.urls[exchange],
      clock: wallClock,
      random: () => 0,
      sleep: async (ms) => {
        slept.push(ms);
        wallClock.set(epochMs(wallClock.now() + ms));
      },
    });
    open = { venue, adapter };
    await adapter.fetchInstruments();
  };
  beforeAll(async () => {
    folder = await recordingsOf(exchange, recordings);
  });
  afterAll(() => folder?.close());
  beforeEach(() => moveTo(now));
  afterEach(close);
  return {
    get venue() {
      return inUse().venue;
    },
    get adapter() {
      return inUse().adapter;
    },
    get slept() {
      return slept;
    },
    moveTo,
    plan: (...faults) => inUse().venue.faults[exchange].plan(...faults),
  };
}

export interface Trouble {
  readonly request: CandleRequest;
  /** How many candles answer it. */
  readonly candles: number;
  /** Name, faults in order, and the waits that they cost, ms. */
  readonly passing: readonly (readonly [string, readonly Fault[], readonly number[]])[];
  /** Name, fault, and the error that it is. */
  readonly lasting: readonly (readonly [string, Fault, string, RegExp])[];
}

export function testTrouble(
  exchange: BadDaysOptions['exchange'],
  days: BadDays,
  { request, candles, passing, lasting }: Trouble,
): void {
  describe('after trouble that passes, the same candles arrive:', () => {
    test.each(passing)('%s', async (_name, faults, waits) => {
      days.plan(...faults);
      expect(candlesOf(await collectPages(days.adapter, request))).toHaveLength(candles);
      expect(days.venue.faults[exchange].pending()).toBe(0);
      expect(days.slept).toEqual(waits);
    });
  });

  describe('trouble that does not pass is a typed error, not asked again:', () => {
    test.each(lasting)('%s', async (_name, fault, code, message) => {
      days.plan(fault);
      await expect(collectPages(days.adapter, request)).rejects.toMatchObject({
        code,
        retryable: false,
        message: expect.stringMatching(message),
      });
      expect(days.slept).toEqual([]);
    });
  });
}
