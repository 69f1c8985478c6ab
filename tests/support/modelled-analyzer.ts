/**
 * The analyzer's core between stores in memory: what an analyzer process writes, without Kafka and without
 * ClickHouse. In: events in batches. Out: rows by their keys and versions, latest values, what readers of the
 * signals topic were told, states that are saved, restored and rebuilt.
 */
import { expect } from 'vitest';
import { seriesKey, type CandleValues } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { CandleEvaluation } from '../../analyzer/evaluation.ts';
import { PartitionState, type SeriesEvent } from '../../analyzer/partition.ts';
import { positionText } from '../../analyzer/position.ts';
import { foldStored } from '../../analyzer/refold.ts';
import { SeriesState, type DerivedRow } from '../../analyzer/series-state.ts';
import type { CompiledRuleSet } from '../../analyzer/signals/rule-set.ts';
import { createRowEncoder, type RowEncoder } from '../../analyzer/sink/publish-rows.ts';
import { TRIAL_PRODUCER } from './analyse.ts';
import { bitsOf } from './bars.ts';
import { STREAM_SERIES } from './candle-stream.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { SYNTHETIC_CONTRACTS, ToldDecisions } from './told-decisions.ts';

/** Few, so that short series have many waypoints. */
const WAYPOINT_CANDLES = 4;

/** What a row of features and signal says, as text, so that equal means equal bits. */
export function sayingOf(evaluation: CandleEvaluation | null): string | null {
  if (evaluation === null) return null;
  const { vector, status, signal, fired } = evaluation;
  return JSON.stringify({ bits: bitsOf(vector), status, signal, fired });
}

interface LatestRow {
  readonly openTime: EpochMs;
  readonly values: CandleValues;
  readonly saying: string | null;
  readonly candleVersion: bigint;
}

interface WrittenRow {
  readonly version: bigint;
  readonly candleVersion: bigint;
  readonly saying: string | null;
}

/** The stores downstream, as far as keys and versions go, and the partition that writes to them. */
export class ModelledAnalyzer {
  readonly rules: CompiledRuleSet;
  readonly ledger = new MemoryLedger();
  /** By series and open time; the highest version stays, of equal ones the last. */
  readonly rows = new Map<string, WrittenRow>();
  /** What readers of latest values see, by series. */
  readonly latest = new Map<string, LatestRow>();
  readonly told = new ToldDecisions();
  readonly #encoder: RowEncoder;
  emitted = 0;
  /** Old rows come again after a restart; without one they would be lost changes. */
  mayRepeat = false;
  partition: PartitionState;

  constructor(rules: CompiledRuleSet) {
    this.rules = rules;
    this.#encoder = createRowEncoder(TRIAL_PRODUCER, rules.features.names, SYNTHETIC_CONTRACTS);
    this.partition = this.#fresh();
  }

  #fresh(): PartitionState {
    return new PartitionState({
      rules: this.rules,
      history: this.ledger,
      waypointCandles: WAYPOINT_CANDLES,
      output: {
        change: (change) => {
          this.emitted += 1;
          this.ledger.write(change);
        },
        anchor: (change) => {
          this.emitted += 1;
          this.ledger.writeAnchor(change);
        },
        gap: (change) => {
          if (this.ledger.writeGap(change)) this.emitted += 1;
        },
        waypoint: (...waypoint) => {
          this.emitted += 1;
          this.ledger.writeWaypoint(...waypoint);
        },
        derived: (key, series, row) => {
          this.#write(key, row);
          this.told.take(this.#encoder(series, row).signal);
        },
        newest: (key, newest) => {
          if (newest === null) {
            this.latest.delete(key);
            return;
          }
          const { openTime, values } = newest.candle;
          const { candleVersion, evaluation } = newest.row;
          this.latest.set(key, { openTime, values, saying: sayingOf(evaluation), candleVersion });
        },
      },
    });
  }

  #write(key: string, row: DerivedRow): void {
    this.emitted += 1;
    const place = `${key} ${row.openTime}`;
    const known = this.rows.get(place);
    const { version, candleVersion } = row;
    // A row that lies below its own cause would lose to the one that it replaces.
    expect(version).toBeGreaterThanOrEqual(candleVersion);
    if (known !== undefined && known.version > version) {
      if (!this.mayRepeat) expect(version).toBeGreaterThanOrEqual(known.version);
      return;
    }
    this.rows.set(place, { version, candleVersion, saying: sayingOf(row.evaluation) });
  }

  async take(events: readonly SeriesEvent[]): Promise<void> {
    await this.partition.apply(events);
  }

  /** How far each series was taken. */
  places(): ReadonlyMap<string, string> {
    const { series } = this.partition;
    return new Map([...series].map(([key, { position }]) => [key, positionText(position)]));
  }

  checkpoint(): ReadonlyMap<string, string> {
    return new Map([...this.partition.series].map(([key, state]) => [key, state.save()]));
  }

  /** A new process with these states; what the old one wrote stays. */
  restart(states: ReadonlyMap<string, string>): void {
    this.mayRepeat = true;
    this.partition = this.#fresh();
    for (const [key, text] of states) {
      this.partition.series.set(key, SeriesState.restore(this.rules, text));
    }
  }

  /** Every state as the ledger alone gives it. */
  async rebuilt(): Promise<ReadonlyMap<string, string>> {
    const states = new Map<string, string>();
    for (const series of STREAM_SERIES) {
      const key = seriesKey(series);
      const position = this.partition.series.get(key)?.position;
      if (position === undefined) continue;
      const state = new SeriesState(this.rules);
      state.position = position;
      state.anchor = await this.ledger.anchor(series, position);
      state.holes = await this.ledger.holes(series, position);
      state.settle(
        await foldStored(this.rules, series, position, state.anchor, {
          history: this.ledger,
          holes: state.holes,
          waypointCandles: WAYPOINT_CANDLES,
          breathe: async () => undefined,
          waypoint: (waypoint) =>
            this.ledger.writeWaypoint(key, waypoint, { offset: '0', isFoldedAgain: false }),
        }),
      );
      states.set(key, state.save());
    }
    return states;
  }
}
