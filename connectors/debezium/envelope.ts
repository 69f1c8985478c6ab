/**
 * The shape of a Debezium message about `market.candles`, JSON without schemas. Unknown fields are
 * tolerated, missing or differently typed ones are not. Example (shortened):
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

/** The primary key; also all that may be read of `before`, whose other fields are invented defaults. */
const KeyFields = {
  exchange: Type.String(),
  market_type: Type.String(),
  symbol: Type.String(),
  interval: Type.String(),
  open_time: Type.String(),
};

const RowKey = Type.Object(KeyFields);

const Row = Type.Object({
  ...KeyFields,
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

const Source = Type.Object({
  sequence: Type.String(),
  lsn: NullableInteger,
  txId: NullableInteger,
  snapshot: Type.String(),
  ts_ms: Type.Integer(),
});

const Envelope = Type.Object({
  op: Type.String(),
  before: Type.Union([RowKey, Type.Null()]),
  after: Type.Union([Row, Type.Null()]),
  source: Source,
});

export type CandleEnvelope = Static<typeof Envelope>;
export const CandleEnvelopeCheck = Compile(Envelope);
