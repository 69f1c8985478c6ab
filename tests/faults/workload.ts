/**
 * A seeded stream of work for the loader: several symbols and intervals, mostly next candles, with
 * holes, late candles, revisions, deletes and candles that still run. Synthetic. In: a pool, a seed.
 * Out: committed transactions, and what of them was acknowledged, which no fault may take back.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { seriesKey, type Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { INTERVAL_MS, type WorkInterval } from './intervals.ts';
import { epochMs } from '#core/time.ts';
import { inTransaction, type Pool } from '#platform/postgres.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { TEST_OPEN_TIME, testCandle } from '../support/candles.ts';
import { createDice, pick, type Dice } from '../support/dice.ts';
import { ensureMonths, writeCandles } from '../support/market.ts';

const TICKS = 1_000;
const ROWS_MAX = 24;
/** Some 80 rows a second: a third of them fold a series again, and steps are small on purpose. */
const PAUSE_MS = 150;
const MORE_TIMEOUT_MS = 60_000;

interface WorkSeries {
  readonly symbol: string;
  readonly interval: WorkInterval;
  /** Places on the grid that hold a closed candle. */
  readonly stored: Set<number>;
  readonly holes: Set<number>;
  /** The next place. */
  next: number;
  close: number;
}

export interface WorkloadOptions {
  readonly pool: Pool;
  readonly seed: number;
  /** Begins the names of its symbols, for example `F7A`. */
  readonly name: string;
  /** Symbols; each has three intervals. Default 4. */
  readonly symbols?: number;
  /** Where its candles begin, days before the usual place. Default 0. */
  readonly daysBack?: number;
}

export class Workload {
  readonly #pool: Pool;
  readonly #dice: Dice;
  readonly #series: readonly WorkSeries[];
  readonly #start: number;
  readonly name: string;
  /** By key, the close that was acknowledged last; null for a delete. */
  readonly acked = new Map<string, string | null>();
  /** Keys that a transaction of unknown outcome touched. */
  readonly unsure = new Set<string>();
  transactions = 0;
  rows = 0;

  constructor({ pool, seed, name, symbols = 4, daysBack = 0 }: WorkloadOptions) {
    this.#pool = pool;
    this.#dice = createDice(seed);
    this.name = `${name}S${seed}`;
    this.#start = TEST_OPEN_TIME - daysBack * 86_400_000;
    this.#series = Array.from({ length: symbols }, (_, index) =>
      (['1m', '5m', '1h'] as const).map((interval) => ({
        symbol: `${this.name}-${index}/USDT`,
        interval,
        stored: new Set<number>(),
        holes: new Set<number>(),
        next: 0,
        close: (50 + this.#dice.roll(100)) * TICKS,
      })),
    ).flat();
  }

  get symbols(): ReadonlySet<string> {
    return new Set(this.#series.map(({ symbol }) => symbol));
  }

  /** Commits so many transactions of up to 24 rows. @throws what Postgres throws. */
  async grow(transactions: number): Promise<void> {
    for (let count = 0; count < transactions; count += 1) await this.#transact();
  }

  /**
   * Goes on until it is told to stop.
   * @param isTolerant passes over transactions that fail; their keys are unsure from then on.
   */
  keepGoing({ isTolerant = false } = {}): { stop(): Promise<void> } {
    const stopping = new AbortController();
    const going = (async () => {
      while (!stopping.signal.aborted) {
        try {
          await this.#transact();
        } catch (error) {
          if (!isTolerant) throw error;
        }
        await delay(PAUSE_MS);
      }
    })();
    // Whoever stops it hears of its failure.
    going.catch(() => undefined);
    return {
      stop: async () => {
        stopping.abort();
        await going;
      },
    };
  }

  /** While it keeps going: until so many more transactions are committed. */
  async more(transactions: number): Promise<void> {
    const until = this.transactions + transactions;
    const done = async (): Promise<boolean> => Promise.resolve(this.transactions >= until);
    await waitFor(done, { what: `${transactions} more transactions`, timeoutMs: MORE_TIMEOUT_MS });
  }

  async #transact(): Promise<void> {
    const dice = this.#dice;
    const written = new Map<string, Candle>();
    const deleted = new Map<string, Candle>();
    for (let left = 1 + dice.roll(ROWS_MAX); left > 0; left -= 1) {
      const series = pick(dice, this.#series);
      const candle = this.#candle(series);
      const key = `${seriesKey(candle)} ${candle.openTime}`;
      if (written.has(key) || deleted.has(key)) continue;
      const place = (candle.openTime - this.#start) / INTERVAL_MS[series.interval];
      if (series.stored.has(place) && dice.roll(100) < 6) {
        series.stored.delete(place);
        series.holes.add(place);
        deleted.set(key, candle);
      } else written.set(key, candle);
      if (written.has(key) && candle.isClosed) {
        series.stored.add(place);
        series.holes.delete(place);
      }
    }
    await this.#commit(written, deleted);
  }

  async #commit(
    written: ReadonlyMap<string, Candle>,
    deleted: ReadonlyMap<string, Candle>,
  ): Promise<void> {
    const all = [...written.values()];
    try {
      if (this.transactions === 0 || all.some(({ interval }) => interval === '1h')) {
        await ensureMonths(this.#pool, all);
      }
      await inTransaction(this.#pool, async (client) => {
        await writeCandles(client, all);
        for (const { exchange, marketType, symbol, interval, openTime } of deleted.values()) {
          await client.query(
            `delete from market.candles
             where exchange = $1 and market_type = $2 and symbol = $3 and interval = $4
               and open_time = to_timestamp($5::float8 / 1000)`,
            [exchange, marketType, symbol, interval, openTime],
          );
        }
      });
    } catch (error) {
      for (const key of [...written.keys(), ...deleted.keys()]) this.unsure.add(key);
      throw error;
    }
    for (const [key, { isClosed, close }] of written) if (isClosed) this.acked.set(key, close);
    for (const key of deleted.keys()) this.acked.set(key, null);
    this.transactions += 1;
    this.rows += written.size + deleted.size;
  }

  /** Mostly the next of its series; else a late one, a revision, or one that still runs. */
  #candle(series: WorkSeries): Candle {
    const dice = this.#dice;
    const roll = dice.roll(100);
    if (roll < 22 && series.stored.size > 0) {
      return this.#at(series, pick(dice, [...series.stored]), true);
    }
    if (roll < 34 && series.holes.size > 0) {
      return this.#at(series, pick(dice, [...series.holes]), true);
    }
    if (roll < 38) return this.#at(series, series.next, false);
    if (roll < 44) {
      series.holes.add(series.next);
      series.next += 1;
    }
    series.next += 1;
    return this.#at(series, series.next - 1, true);
  }

  #at(series: WorkSeries, place: number, isClosed: boolean): Candle {
    const dice = this.#dice;
    const open = series.close;
    const close = Math.max(TICKS, open + dice.roll(801) - 400);
    series.close = close;
    const openTime = this.#start + place * INTERVAL_MS[series.interval];
    return testCandle({
      symbol: series.symbol,
      interval: series.interval,
      openTime: epochMs(openTime),
      open: price(open),
      high: price(Math.max(open, close) + dice.roll(300)),
      low: price(Math.max(1, Math.min(open, close) - dice.roll(300))),
      close: price(close),
      volume: dice.roll(9) === 0 ? null : price(dice.roll(90_000)),
      quoteVolume: null,
      trades: dice.roll(7) === 0 ? null : dice.roll(500),
      takerBuyBase: null,
      takerBuyQuote: null,
      isClosed,
      observedAt: epochMs(openTime + INTERVAL_MS[series.interval] + dice.roll(60_000)),
    });
  }
}

function price(ticks: number): Candle['open'] {
  return decimal((ticks / TICKS).toFixed(3));
}
