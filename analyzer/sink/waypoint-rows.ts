/** Rows of waypoints. In: waypoints of any series. Out: a Native block. */
import { waypointHash, type Waypoint, type WaypointCause } from '../waypoint.ts';
import { DictionaryColumn, encodeBlock, PlainColumn } from './native-block.ts';

/** Collects rows until they are taken. */
export class WaypointRows {
  readonly #producer: string;
  readonly #row = {
    series: new PlainColumn('String'),
    producer: new DictionaryColumn(),
    boundary: new PlainColumn("DateTime64(3, 'UTC')"),
    version: new PlainColumn('UInt128'),
    kafka_offset: new PlainColumn('UInt64'),
    state: new PlainColumn('String'),
    hash: new PlainColumn('String'),
  };

  #isFirst = false;

  /** @param producer see `producerId`. */
  constructor(producer: string) {
    this.#producer = producer;
  }

  add(
    key: string,
    { boundary, version, text }: Waypoint,
    { offset, isFoldedAgain }: WaypointCause,
  ): void {
    this.#isFirst ||= isFoldedAgain;
    const row = this.#row;
    row.series.next.string(key);
    row.producer.string(this.#producer);
    row.boundary.next.int64(boundary);
    row.version.next.uint128(version);
    row.kafka_offset.next.uint64(BigInt(offset));
    row.state.next.string(text);
    row.hash.next.string(waypointHash(text));
  }

  /** Hands over the block, without bytes where there are no rows, and starts anew. */
  take(): { readonly waypoints: Buffer; readonly waypointsFirst: boolean } {
    const taken = { waypoints: encodeBlock(this.#row), waypointsFirst: this.#isFirst };
    for (const column of Object.values(this.#row)) column.clear();
    this.#isFirst = false;
    return taken;
  }
}
