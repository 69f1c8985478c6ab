/**
 * The messages of one step, decoded one by one as the state takes them, so that most die young. In:
 * messages of one partition. Out: changes of closed candles, of anchors and of gaps for the state; what
 * else there is goes where it belongs: running candles to the latest values, funding payments, which are
 * no part of any state, straight to their table, and what cannot be read to the dead letters.
 */
import { decodeCandleMessage, type DeadLetters } from '../connectors/index.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { EachBatchPayload } from '#platform/kafka.ts';
import type { SeriesEvent } from './partition.ts';
import type { LatestStep } from './sink/latest-step.ts';
import type { OutputRows } from './sink/tables.ts';

export type Letters = Parameters<DeadLetters['park']>[0][number][];

export interface StepMessages {
  readonly topic: string;
  readonly partition: number;
  readonly messages: EachBatchPayload['batch']['messages'];
}

export class StepChanges {
  readonly #step: StepMessages;
  readonly #latest: Pick<LatestStep, 'note'>;
  readonly #rows: Pick<OutputRows, 'addFunding'>;
  readonly letters: Letters = [];
  /** The last change of a closed candle. */
  newest: CandleChange | null = null;
  /** Rows that went to the tables without passing the state. */
  ledgerRows = 0;
  /** Fields that this version does not know, over all messages, and the first of them. */
  unknownFields = 0;
  unknownField: string | null = null;

  constructor(
    step: StepMessages,
    latest: Pick<LatestStep, 'note'>,
    rows: Pick<OutputRows, 'addFunding'>,
  ) {
    this.#step = step;
    this.#latest = latest;
    this.#rows = rows;
  }

  /** To be taken once, to its end. */
  *events(): Generator<SeriesEvent> {
    const { topic, partition, messages } = this.#step;
    for (const message of messages) {
      const { offset, value } = message;
      const decoded = decodeCandleMessage({ partition, offset, value });
      if (decoded.kind === 'undecodable') {
        const { code, reason, stack } = decoded;
        this.letters.push({ topic, partition, message, code, reason, stack });
      } else if (decoded.kind === 'change') {
        this.#note(decoded.unknown);
        const { change } = decoded;
        this.#latest.note(change);
        if (change.values?.isClosed === false) continue;
        this.newest = change;
        yield change;
      } else if (decoded.kind === 'anchor' || decoded.kind === 'gap') {
        this.#note(decoded.unknown);
        this.ledgerRows += 1;
        yield decoded.change;
      } else if (decoded.kind === 'funding') {
        this.#note(decoded.unknown);
        this.ledgerRows += 1;
        this.#rows.addFunding(decoded.change);
      }
    }
  }

  #note(unknown: readonly string[]): void {
    if (unknown.length === 0) return;
    this.unknownFields += unknown.length;
    this.unknownField ??= unknown[0] ?? null;
  }
}
