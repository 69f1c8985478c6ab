/**
 * In which engine session a query runs, and with what around it. In: a request and its statement. Out: the session
 * key (null: a fresh one) with statements before and after. A request with `session_id` keeps its session: database,
 * SET and temporary tables last, while settings and parameters of one URL last for that request only, as in
 * ClickHouse. Invariant: one query at a time per session (code 373), a bounded number of sessions, each with an end.
 */
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { clickHouseError } from './clickhouse-error.ts';
import type { Engine } from './engine.ts';
import type { FrontLimits } from './limits.ts';
import { quoteBytes, quoteName, quoteText } from './literals.ts';
import type { QueryRequest } from './request.ts';
import { type Statement, substitutions } from './statement.ts';

export interface SessionUse {
  readonly key: string | null;
  readonly setup: readonly string[];
  readonly cleanup: readonly string[];
  /** Tells a kept session that its statement went through, then frees it. */
  release(succeeded: boolean): Promise<void>;
}

export interface Sessions {
  /** `statement` is undefined for an INSERT with data, which refers to no parameters of the session. */
  use(request: QueryRequest, statement: Statement | undefined, tag: string): Promise<SessionUse>;
  close(): void;
}

interface KeptSession {
  readonly key: string;
  busy: boolean;
  /** The database that USE chose, and the one that the engine's session is in now. */
  home: string;
  current: string;
  /** A SET ran, so that "back to normal" has to be looked up. */
  hasOwnSettings: boolean;
  readonly urlParameters: Set<string>;
  usedAt: number;
  timer: NodeJS.Timeout | undefined;
}

const SettingRow = Type.Tuple([Type.String(), Type.String()]);

/** A setting without effect on a single engine; it marks the query for KILL, and shows its `query_id`. */
const TAG_SETTING = 'cluster_for_parallel_replicas';

/** Well below the engine's default `max_query_size` of 262,144 bytes. */
const DEFAULT_QUERY_CHARS = 50_000;

export function createSessions(engine: Engine, limits: FrontLimits): Sessions {
  const table = new SessionTable(engine, limits);
  return {
    use(request, statement, tag) {
      if (request.sessionId !== undefined) {
        return useKept(table, request.sessionId, { request, statement, tag });
      }
      const setup = setStatements(request, tag);
      if (request.database !== undefined) setup.unshift(`USE ${quoteName(request.database)}`);
      return Promise.resolve({ key: null, setup, cleanup: [], release: () => Promise.resolve() });
    },
    close: () => table.close(),
  };
}

/** The kept sessions, each busy with one query or waiting for its end. */
class SessionTable {
  readonly engine: Engine;
  readonly limits: FrontLimits;
  readonly #kept = new Map<string, KeptSession>();
  #uses = 0;

  constructor(engine: Engine, limits: FrontLimits) {
    this.engine = engine;
    this.limits = limits;
  }

  /** Takes the session for one query. @throws ClickHouseError when it is taken, or absent and must not be. */
  take(key: string, mustExist: boolean): KeptSession {
    const known = this.#kept.get(key);
    if (known === undefined && mustExist) {
      throw clickHouseError('SESSION_NOT_FOUND', `Session ${key} not found`);
    }
    if (known?.busy === true) {
      throw clickHouseError('SESSION_IS_LOCKED', `Session ${key} is locked by a concurrent client`);
    }
    const session = known ?? this.#open(key);
    clearTimeout(session.timer);
    session.busy = true;
    this.#uses += 1;
    session.usedAt = this.#uses;
    return session;
  }

  give(session: KeptSession, idleMs: number): void {
    session.busy = false;
    session.timer = setTimeout(() => this.drop(session), idleMs).unref();
  }

  drop(session: KeptSession): void {
    clearTimeout(session.timer);
    this.#kept.delete(session.key);
    this.engine.closeSession(session.key);
  }

  close(): void {
    for (const session of this.#kept.values()) clearTimeout(session.timer);
    this.#kept.clear();
  }

  #open(key: string): KeptSession {
    if (this.#kept.size >= this.limits.sessionsMax) this.#makeRoom();
    const session: KeptSession = {
      key,
      busy: false,
      home: 'default',
      current: 'default',
      hasOwnSettings: false,
      urlParameters: new Set(),
      usedAt: 0,
      timer: undefined,
    };
    this.#kept.set(key, session);
    return session;
  }

  #makeRoom(): void {
    const idle = [...this.#kept.values()].filter((one) => !one.busy);
    const oldest = idle.sort((left, right) => left.usedAt - right.usedAt)[0];
    if (oldest !== undefined) return this.drop(oldest);
    throw clickHouseError(
      'TOO_MANY_SIMULTANEOUS_QUERIES',
      `All ${this.limits.sessionsMax} sessions are busy`,
    );
  }
}

interface KeptUse {
  readonly request: QueryRequest;
  readonly statement: Statement | undefined;
  readonly tag: string;
}

async function useKept(table: SessionTable, key: string, use: KeptUse): Promise<SessionUse> {
  const { request, statement } = use;
  const idleMs = sessionIdleMs(request.sessionTimeout, table.limits);
  const session = table.take(key, request.sessionCheck);
  try {
    checkParameters(session, request, statement);
    const isSet = statement?.kind === 'set';
    const sets = isSet ? [] : setStatements(request, use.tag);
    const names = isSet ? [] : [...urlSettings(request).keys()];
    if (sets.length > 1) names.push('max_query_size');
    const cleanup = await restoring(table.engine, session, names);
    const setup: string[] = [];
    const database = request.database ?? session.home;
    if (database !== session.current) setup.push(`USE ${quoteName(database)}`);
    setup.push(...sets);
    for (const name of request.parameters.keys()) session.urlParameters.add(name);
    return {
      key,
      setup,
      cleanup,
      async release(succeeded) {
        // After a failure it is not known how far the setup came; the next query says USE again.
        session.current = succeeded ? database : '';
        if (succeeded && isSet) session.hasOwnSettings = true;
        if (succeeded && statement?.kind === 'use') {
          session.home = await currentDatabase(table.engine, key);
          session.current = session.home;
        }
        if (request.closeSession) table.drop(session);
        else table.give(session, idleMs);
      },
    };
  } catch (error) {
    table.give(session, idleMs);
    throw error;
  }
}

/** The settings of this request. `readonly` cannot be taken back, so a kept session never gets it. */
function urlSettings(request: QueryRequest): Map<string, Buffer> {
  const settings = new Map(request.settings);
  settings.delete(TAG_SETTING);
  if (request.sessionId !== undefined) settings.delete('readonly');
  return settings;
}

/** Parameters may be longer than a statement may be by default. */
function setStatements(request: QueryRequest, tag: string): string[] {
  const changes = [`${TAG_SETTING} = ${quoteText(tag)}`];
  for (const [name, value] of urlSettings(request)) changes.push(`${name} = ${quoteBytes(value)}`);
  for (const [name, value] of request.parameters) {
    changes.push(`param_${name} = ${quoteBytes(value)}`);
  }
  const statement = `SET ${changes.join(', ')}`;
  if (statement.length < DEFAULT_QUERY_CHARS) return [statement];
  return [`SET max_query_size = ${statement.length * 4}`, statement];
}

/** Parameters stay in the engine's session; one that came with an earlier URL must not be seen again. */
function checkParameters(
  session: KeptSession,
  request: QueryRequest,
  statement: Statement | undefined,
): void {
  if (statement === undefined) return;
  for (const name of substitutions(statement)) {
    if (!request.parameters.has(name) && session.urlParameters.has(name)) {
      throw clickHouseError('UNKNOWN_QUERY_PARAMETER', `Substitution \`${name}\` is not set.`);
    }
  }
}

/** One statement per setting that puts it back to what the session had before this request. */
async function restoring(
  engine: Engine,
  session: KeptSession,
  names: readonly string[],
): Promise<string[]> {
  const own = new Map<string, string>();
  if (session.hasOwnSettings && names.length > 0) {
    const list = names.map((name) => quoteText(name)).join(', ');
    const outcome = await engine.run({
      session: session.key,
      setup: [],
      sql: `SELECT name, value FROM system.settings WHERE changed AND name IN (${list})`,
      format: 'JSONCompactEachRow',
      cleanup: [],
    });
    if (outcome.kind === 'failed') throw new Error(outcome.message);
    for (const [name, value] of parseSettingRows(outcome.output)) own.set(name, value);
  }
  return names.map((name) => {
    const value = own.get(name);
    return `SET ${name} = ${value === undefined ? 'DEFAULT' : quoteText(value)}`;
  });
}

function parseSettingRows(output: string): Static<typeof SettingRow>[] {
  return Buffer.from(output, 'latin1')
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Value.Parse(SettingRow, JSON.parse(line)));
}

async function currentDatabase(engine: Engine, session: string): Promise<string> {
  const sql = 'SELECT currentDatabase()';
  const outcome = await engine.run({ session, setup: [], sql, format: 'RawBLOB', cleanup: [] });
  if (outcome.kind === 'failed') throw new Error(outcome.message);
  return Buffer.from(outcome.output, 'latin1').toString('utf8');
}

function sessionIdleMs(text: string | undefined, limits: FrontLimits): number {
  if (text === undefined) return limits.sessionIdleMs;
  const idleMs = Number(text) * 1000;
  if (!/^\d+$/.test(text)) {
    throw clickHouseError('INVALID_SESSION_TIMEOUT', `Invalid session timeout: '${text}'`);
  }
  if (idleMs > limits.sessionIdleMsMax) {
    throw clickHouseError(
      'INVALID_SESSION_TIMEOUT',
      `Session timeout '${text}' is larger than max_session_timeout: ${limits.sessionIdleMsMax / 1000}. Maximum session timeout could be modified in configuration file.`,
    );
  }
  return idleMs;
}
