/**
 * How far change capture has come, as Kafka Connect remembers it. In: Connect's REST. Out: the place in
 * the WAL that the next task would go on from, or null where nothing is remembered. Debezium confirms to
 * Postgres only what is stored here, so a slot that has confirmed more was moved by somebody else.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { callConnect, rejectedByConnect, type ConnectEndpoint } from './connect-rest.ts';

export interface StoredPlace {
  /**
   * What Debezium may tell Postgres to forget: the end of the last transaction that was read whole, which
   * lies behind its last record, or the last record that reached Kafka.
   */
  readonly lsn: bigint;
  /** A first snapshot is still being taken: a new task would begin it again. */
  readonly isSnapshot: boolean;
  /** It lies in the stream: a transaction was read to its end. */
  readonly isCommitted: boolean;
}

const OffsetsCheck = Compile(
  Type.Object({
    offsets: Type.Array(
      Type.Object({
        offset: Type.Union([
          Type.Null(),
          Type.Object({
            // Their numbers are texts here, see below.
            lsn: Type.Optional(Type.String({ pattern: '^\\d{1,20}$' })),
            lsn_commit: Type.Optional(Type.String({ pattern: '^\\d{1,20}$' })),
            lsn_proc: Type.Optional(Type.String({ pattern: '^\\d{1,20}$' })),
            snapshot: Type.Optional(Type.Unknown()),
          }),
        ]),
      }),
    ),
  }),
);

/** A string, to be stepped over, or a number by the grammar of JSON. */
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Null where Connect does not know the connector, or it has not stored anything yet. */
export async function readStoredPlace(
  endpoint: ConnectEndpoint,
  name: string,
): Promise<StoredPlace | null> {
  const path = `/connectors/${encodeURIComponent(name)}/offsets`;
  const response = await callConnect(endpoint, 'GET', path);
  if (response.status === 404) return null;
  if (response.status !== 200) throw rejectedByConnect('GET', name, response);
  const place = parseStoredPlace(response.body);
  if (place === undefined) throw rejectedByConnect('GET', name, response);
  return place;
}

/** @returns undefined where the text is no answer of Connect's. */
export function parseStoredPlace(text: string): StoredPlace | null | undefined {
  let json: unknown;
  try {
    // An LSN as a JSON number may lose its last digits, so numbers are quoted first.
    json = JSON.parse(text.replace(STRING_OR_NUMBER, (at) => (at[0] === '"' ? at : `"${at}"`)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (!OffsetsCheck.Check(json)) return undefined;
  const offset = json.offsets[0]?.offset ?? null;
  if (offset?.lsn === undefined) return null;
  const { lsn, lsn_commit: committed = lsn, lsn_proc: processed = lsn } = offset;
  const places = [lsn, committed, processed].map(BigInt);
  return {
    lsn: places.reduce((most, place) => (place > most ? place : most)),
    isSnapshot: offset.snapshot !== undefined,
    isCommitted: offset.lsn_commit !== undefined,
  };
}
