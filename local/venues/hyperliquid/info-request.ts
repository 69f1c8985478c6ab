/**
 * What `POST /info` of Hyperliquid may be asked, as far as it is recorded. In: the body. Out: one of
 * the requests, or nothing: the venue answers 422 to whatever it cannot read.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/** All intervals but 6h. */
const INTERVALS = '1m 3m 5m 15m 30m 1h 2h 4h 8h 12h 1d 3d 1w 1M'.split(' ');
const TIME = Type.Integer({ minimum: 0 });

const CANDLE_SNAPSHOT = Type.Object({
  type: Type.Literal('candleSnapshot'),
  req: Type.Object({
    coin: Type.String(),
    interval: Type.Enum(INTERVALS),
    startTime: TIME,
    endTime: Type.Optional(Type.Union([TIME, Type.Null()])),
  }),
});
const META = Type.Object({ type: Type.Literal('meta'), dex: Type.Optional(Type.String()) });
const FUNDING_HISTORY = Type.Object({
  type: Type.Literal('fundingHistory'),
  coin: Type.String(),
  startTime: TIME,
  endTime: Type.Optional(Type.Union([TIME, Type.Null()])),
});
const EXCHANGE_STATUS = Type.Object({ type: Type.Literal('exchangeStatus') });

export type CandleSnapshot = Static<typeof CANDLE_SNAPSHOT>['req'];
export type FundingHistory = Static<typeof FUNDING_HISTORY>;

const INFO_SCHEMA = Type.Union([CANDLE_SNAPSHOT, META, FUNDING_HISTORY, EXCHANGE_STATUS]);
export type InfoRequest = Static<typeof INFO_SCHEMA>;
export const INFO_REQUEST = Compile(INFO_SCHEMA);

/** A candle subscription; other keys pass, as the venue lets them. */
export const CANDLE_SUBSCRIPTION = Compile(
  Type.Object({
    type: Type.Literal('candle'),
    coin: Type.String(),
    interval: Type.Enum(INTERVALS),
  }),
);
