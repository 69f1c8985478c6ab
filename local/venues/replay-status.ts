/**
 * What `GET /replay` of the recorded venue answers; the supervisor and the tests read it by this
 * schema. All times are epoch milliseconds of the replayed market.
 */
import { Type, type Static } from 'typebox';

export const REPLAY_STATUS = Type.Object(
  {
    now: Type.Integer({ description: 'The venue clock' }),
    start: Type.Integer({ description: 'Where this run of the clock began' }),
    end: Type.Integer({ description: 'When the last recorded candle is over' }),
    speed: Type.Number({
      description: 'Replayed milliseconds for each elapsed one; 0 stands still',
    }),
    exhausted: Type.Boolean({ description: 'True once every recorded candle is over' }),
    series: Type.Array(
      Type.Object({
        exchange: Type.String(),
        marketType: Type.String(),
        symbol: Type.String({ description: 'Canonical BASE/QUOTE' }),
        interval: Type.String(),
        file: Type.String(),
        candles: Type.Integer({ description: 'Candles recorded' }),
        from: Type.Integer({ description: 'Open time of the first' }),
        to: Type.Integer({ description: 'When the last is over' }),
      }),
    ),
    rejected: Type.Array(Type.Object({ file: Type.String(), reason: Type.String() }), {
      description: 'Files that are not served, and why',
    }),
  },
  { additionalProperties: false },
);

export type ReplayStatus = Static<typeof REPLAY_STATUS>;
