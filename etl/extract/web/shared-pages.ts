/**
 * What all workers have to know of the hosts of web sources: whose turn it is, and what robots.txt says.
 * In: Redis. Out: waits and rules, or null while Redis is away: each process then keeps to its own. Times
 * are of each caller's clock, so workers on machines whose clocks differ may stray by that much.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { REDIS_KEYS } from '#core/contracts/names.ts';

/** What was learnt of an origin's robots.txt. */
const ROBOTS_SCHEMA = Type.Object(
  {
    /** `rules`: its text; `none`: there is no such file; `unknown`: why it cannot be had now. */
    kind: Type.Enum(['rules', 'none', 'unknown']),
    text: Type.String(),
    /** Good until then, epoch ms. */
    until: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);
const ROBOTS = Compile(ROBOTS_SCHEMA);
export type SharedRobots = Static<typeof ROBOTS_SCHEMA>;

export interface SharedPages {
  /**
   * Takes the next turn at a host, unless it is more than `waitMsMax` away.
   * @param intervalMs to the turn after it, ms. @returns how far the turn is away, ms.
   */
  takeTurn(
    host: string,
    turn: { readonly now: number; readonly intervalMs: number; readonly waitMsMax: number },
  ): Promise<number | null>;
  /** @returns null where nobody has learnt it, too. */
  recallRobots(origin: string): Promise<SharedRobots | null>;
  rememberRobots(origin: string, learnt: SharedRobots, now: number): Promise<void>;
}

/** The commands of Redis that this needs. */
export interface PagesRedis {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>;
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
}

/** A turn is remembered for longer than it lasts by this, for clocks that differ, ms. */
const TURN_TTL_MS = 5 * 60_000;

/** One step, so that no two workers read the same turn. */
const TAKE_TURN = `
  local now = tonumber(ARGV[1])
  local turn = math.max(now, tonumber(redis.call('get', KEYS[1]) or '0') or 0)
  if turn - now <= tonumber(ARGV[3]) then
    local free = turn + tonumber(ARGV[2])
    redis.call('set', KEYS[1], string.format('%.0f', free), 'PX', free - now + tonumber(ARGV[4]))
  end
  return turn - now`;

/** @param orNull runs a command and gives null where Redis fails it. */
export function createSharedPages(
  redis: PagesRedis,
  orNull: <T>(work: () => Promise<T>) => Promise<T | null>,
): SharedPages {
  return {
    takeTurn: (host, { now, intervalMs, waitMsMax }) =>
      orNull(async () => {
        const key = REDIS_KEYS.webTurn(host);
        const wait = await redis.eval(
          TAKE_TURN,
          1,
          key,
          now,
          Math.ceil(intervalMs),
          waitMsMax,
          TURN_TTL_MS,
        );
        if (typeof wait === 'number' && Number.isInteger(wait) && wait >= 0) return wait;
        throw new Error(`a turn that is ${String(wait)} ms away`);
      }),
    recallRobots: (origin) =>
      orNull(async () => {
        const text = await redis.get(REDIS_KEYS.webRobots(origin));
        if (text === null) return null;
        const robots: unknown = JSON.parse(text);
        return ROBOTS.Check(robots) ? robots : null;
      }),
    rememberRobots: async (origin, learnt, now) => {
      if (learnt.until <= now) return;
      await orNull(() =>
        redis.set(REDIS_KEYS.webRobots(origin), JSON.stringify(learnt), 'PX', learnt.until - now),
      );
    },
  };
}
