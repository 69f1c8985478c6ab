/**
 * A venue of a test's own making: it answers with the candles it was given, as one page each time,
 * unless the test hides some or lets it fail. Synthetic throughout; no network.
 */
import type { Candle, Series } from '#core/candle.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import { findInstrument, unsupported } from '../../etl/extract/catalogue.ts';
import type { CandleRequest, Instrument, VenueAdapter } from '../../etl/extract/venue.ts';

export interface ScriptedVenue extends Pick<
  VenueAdapter,
  'id' | 'marketType' | 'fetchCandles' | 'fetchServerTime' | 'fetchInstruments' | 'findInstrument'
> {
  reachCandles: number | null;
  /** Its clock. */
  now: EpochMs;
  /** Null where it does not say. */
  listedAt: EpochMs | null;
  candles: readonly Candle[];
  /** True for a candle that it keeps to itself. */
  hides: (candle: Candle) => boolean;
  /** Thrown instead of an answer. */
  failure: Error | null;
  /** The ranges that it was asked for. */
  readonly asked: CandleRequest[];
}

export function scriptedVenue(
  series: Series,
  candles: readonly Candle[],
  now: EpochMs,
): ScriptedVenue {
  const venue: ScriptedVenue = {
    id: series.exchange,
    marketType: series.marketType,
    reachCandles: null,
    now,
    listedAt: null,
    candles,
    hides: () => false,
    failure: null,
    asked: [],
    fetchServerTime: () => Promise.resolve(venue.now),
    fetchInstruments: () => {
      const symbols = new Set([series.symbol, ...venue.candles.map(({ symbol }) => symbol)]);
      return Promise.resolve(
        [...symbols].map((symbol) => instrumentOf({ ...series, symbol }, venue.listedAt)),
      );
    },
    findInstrument: async (text) => {
      const instruments = await venue.fetchInstruments();
      const found = findInstrument(instruments, text);
      if (found !== undefined) return found;
      const symbols = instruments.map(({ symbol }) => symbol);
      throw unsupported(series.exchange, 'symbol', text, symbols);
    },
    async *fetchCandles(request) {
      venue.asked.push(request);
      if (venue.failure !== null) throw venue.failure;
      const shown = venue.candles.filter(
        (candle) =>
          candle.symbol === request.symbol &&
          candle.openTime >= request.from &&
          candle.openTime < request.to &&
          !venue.hides(candle),
      );
      yield await Promise.resolve({
        series: { ...series, symbol: request.symbol },
        candles: shown.map((candle, index) => ({ candle, index, row: [candle.openTime] })),
        rejects: [],
        raw: {
          url: `https://venue.test/klines?from=${formatInstant(request.from)}&to=${formatInstant(request.to)}`,
          fetchedAt: venue.now,
          body: JSON.stringify(shown),
        },
        venueNow: venue.now,
        weightUsed: null,
      });
    },
  };
  return venue;
}

function instrumentOf(series: Series, listedAt: EpochMs | null): Instrument {
  const [base = '', quote = ''] = series.symbol.split('/');
  return {
    exchange: series.exchange,
    marketType: series.marketType,
    symbol: series.symbol,
    base,
    quote,
    venueSymbol: `${base}${quote}`,
    aliases: [],
    isTrading: true,
    venueStatus: 'TRADING',
    onboardTime: listedAt,
    delistTime: null,
    tickSize: null,
    stepSize: null,
  };
}
