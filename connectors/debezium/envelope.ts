/**
 * The shapes of Debezium messages about the captured tables of `market`, JSON without schemas. Unknown fields are tolerated, missing or differently typed ones are not.
 * Example (shortened):
 * {"before":null,"after":{"exchange":"binance-futures",…,"open":"94500.500000000000000000",…},
 *  "source":{"sequence":"[\"30761504\",\"30761504\"]","lsn":30761504,"txId":768,"snapshot":"false",
 *  "ts_ms":1795239616229,…},"op":"c",…}
 * @see https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const NullableInteger = Type.Union([Type.Integer(), Type.Null()]);
/** What a JSON number holds exactly. */
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** The column is 32 bits wide in ClickHouse. */
const Revision = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });

/** The fields of a series: the part of the key that all tables have. */
const SeriesFields = {
  exchange: Type.String(),
  market_type: Type.String(),
  symbol: Type.String(),
  interval: Type.String(),
};
const SeriesKey = Type.Object(SeriesFields);
export type RowKey = Static<typeof SeriesKey>;

// The primary keys; also all that may be read of `before`, whose other fields are invented defaults.
const CandleKey = { ...SeriesFields, open_time: Type.String() };
const GapKey = { ...SeriesFields, gap_from: Type.String() };
const FundingKey = { ...SeriesFields, funding_time: Type.String() };

const CandleRow = Type.Object({
  ...CandleKey,
  open: Type.String(),
  high: Type.String(),
  low: Type.String(),
  close: Type.String(),
  volume: NullableText,
  quote_volume: NullableText,
  trades: Type.Union([Count, Type.Null()]),
  taker_buy_base: NullableText,
  taker_buy_quote: NullableText,
  is_closed: Type.Boolean(),
  revision: Revision,
  observed_at: Type.String(),
  source: Type.String(),
  ingest_run_id: NullableInteger,
  raw_id: NullableInteger,
});

const GapRow = Type.Object({
  ...GapKey,
  gap_to: Type.String(),
  candles: Count,
  cause: Type.String(),
  attempts: Count,
  empty_answers: Count,
  first_seen_at: Type.String(),
  last_checked_at: NullableText,
  resolved_at: NullableText,
  detail: NullableText,
  last_run_id: NullableInteger,
});

const FundingRow = Type.Object({
  ...FundingKey,
  rate: Type.String(),
  mark_price: NullableText,
  premium: NullableText,
  observed_at: Type.String(),
  source: Type.String(),
  ingest_run_id: NullableInteger,
  raw_id: NullableInteger,
});

const AnchorRow = Type.Object({
  ...SeriesFields,
  anchor: Type.String(),
  moved_at: Type.String(),
});

const SourceFields = {
  sequence: Type.String(),
  lsn: NullableInteger,
  txId: NullableInteger,
  snapshot: Type.String(),
  ts_ms: Type.Integer(),
};
const Source = Type.Object(SourceFields);

/** What the messages of all tables have. */
export interface Envelope {
  readonly source: Static<typeof Source>;
}

const CandleMessage = Type.Object({
  op: Type.String(),
  before: Type.Union([Type.Object(CandleKey), Type.Null()]),
  after: Type.Union([CandleRow, Type.Null()]),
  source: Type.Object({ ...SourceFields, table: Type.Literal('candles') }),
});
const GapMessage = Type.Object({
  op: Type.String(),
  before: Type.Union([Type.Object(GapKey), Type.Null()]),
  after: Type.Union([GapRow, Type.Null()]),
  source: Type.Object({ ...SourceFields, table: Type.Literal('gaps') }),
});
const FundingMessage = Type.Object({
  op: Type.String(),
  before: Type.Union([Type.Object(FundingKey), Type.Null()]),
  after: Type.Union([FundingRow, Type.Null()]),
  source: Type.Object({ ...SourceFields, table: Type.Literal('funding_rates') }),
});
const AnchorMessage = Type.Object({
  op: Type.String(),
  before: Type.Union([SeriesKey, Type.Null()]),
  after: Type.Union([AnchorRow, Type.Null()]),
  source: Type.Object({ ...SourceFields, table: Type.Literal('anchors') }),
});

export type CandleEnvelope = Static<typeof CandleMessage>;
export const CandleEnvelopeCheck = Compile(CandleMessage);
export type GapEnvelope = Static<typeof GapMessage>;
export const GapEnvelopeCheck = Compile(GapMessage);
export type FundingEnvelope = Static<typeof FundingMessage>;
export const FundingEnvelopeCheck = Compile(FundingMessage);
export type AnchorEnvelope = Static<typeof AnchorMessage>;
export const AnchorEnvelopeCheck = Compile(AnchorMessage);
/** The columns of each table as this version knows them. */
export const ROW_COLUMNS = {
  candles: new Set(Object.keys(CandleRow.properties)),
  gaps: new Set(Object.keys(GapRow.properties)),
  funding_rates: new Set(Object.keys(FundingRow.properties)),
  anchors: new Set(Object.keys(AnchorRow.properties)),
} as const satisfies Record<string, ReadonlySet<string>>;

/** What happened, where the rest of a message is not as it should be. */
export const OpCheck = Compile(Type.Object({ op: Type.String() }));
/** The new row, whatever it holds. */
export const AfterCheck = Compile(
  Type.Object({ after: Type.Record(Type.String(), Type.Unknown()) }),
);
/** Which table a message is about, where the rest of it is not as it should be. */
export const TableCheck = Compile(Type.Object({ source: Type.Object({ table: Type.String() }) }));
