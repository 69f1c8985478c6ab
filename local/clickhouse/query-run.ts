/**
 * One query from its text to its answer. In: a parsed request and its body. Out: rows or an outcome in the reply.
 * Reads end when their client leaves: the pipe breaks, and KILL is sent until the engine says it is over. Writes run
 * on, as they do in ClickHouse. Invariant: pipe, session and place are given back only after the engine is done.
 */
import type { QueryBody } from './body.ts';
import { clickHouseError, fromEngineMessage } from './clickhouse-error.ts';
import type { Engine } from './engine.ts';
import type { RunOutcome } from './engine-messages.ts';
import type { FrontLimits } from './limits.ts';
import { quoteText, sqlText } from './literals.ts';
import type { Reply, Summary } from './reply.ts';
import type { QueryRequest } from './request.ts';
import { openRowPipe, type RowPipe } from './row-pipe.ts';
import type { Sessions, SessionUse } from './sessions.ts';
import type { Slots } from './slots.ts';
import type { Spool } from './spool.ts';
import { formatName, intoOutfile, replaceWord, type Statement } from './statement.ts';

export interface QueryDeps {
  readonly engine: Engine;
  readonly spool: Spool;
  readonly sessions: Sessions;
  readonly slots: Slots;
  readonly limits: FrontLimits;
}

export interface Query {
  readonly request: QueryRequest;
  readonly body: QueryBody;
  /** Undefined for an INSERT with data. */
  readonly statement: Statement | undefined;
  /** Temporary tables that came with the request. */
  readonly external: { readonly setup: readonly string[]; readonly cleanup: readonly string[] };
  /** Unique, and ends in the `query_id` that KILL QUERY may name. */
  readonly tag: { readonly prefix: string; readonly text: string };
  readonly reply: Reply;
  /** Aborts when the client leaves or the front closes. */
  readonly signal: AbortSignal;
}

const DEFAULT_FORMAT = 'TabSeparated';
/** `query_id` inside KILL QUERY: what the client chose, not what the engine made up. */
const OWN_QUERY_ID =
  "substring(Settings['cluster_for_parallel_replicas'], position(Settings['cluster_for_parallel_replicas'], ':') + 1)";

/** The format of the rows that a statement gives. */
export function resultFormat(
  request: QueryRequest,
  statement: Statement | undefined,
): string | undefined {
  if (statement === undefined || statement.kind === 'insert') return undefined;
  return formatName(statement) ?? request.defaultFormat ?? DEFAULT_FORMAT;
}

export async function runQuery(deps: QueryDeps, query: Query): Promise<void> {
  const leave = await deps.slots.acquire(query.signal);
  try {
    const session = await deps.sessions.use(query.request, query.statement, query.tag.text);
    let succeeded = false;
    try {
      const outcome = await execute(deps, query, session);
      succeeded = outcome.kind === 'done';
      if (outcome.kind === 'failed') throw fromEngineMessage(outcome.message);
      await query.reply.finish(summary(query, outcome));
    } finally {
      await session.release(succeeded);
    }
  } finally {
    leave();
  }
}

async function execute(deps: QueryDeps, query: Query, session: SessionUse): Promise<RunOutcome> {
  const { body, statement, request } = query;
  if (body.kind === 'data') {
    const sql = body.head.fromFile(asLatin1(quoteText(body.file.path)));
    return start(deps, query, session, sql, DEFAULT_FORMAT);
  }
  if (statement === undefined) throw new Error('a text body has a statement');
  if (statement.kind === 'read') return streamRows(deps, query, session, statement);
  const format = resultFormat(request, statement) ?? DEFAULT_FORMAT;
  const outcome = await start(deps, query, session, statementSql(statement), format);
  if (outcome.kind === 'done' && outcome.output !== '') {
    await query.reply.write(Buffer.from(outcome.output, 'latin1'));
  }
  return outcome;
}

function start(
  deps: QueryDeps,
  query: Query,
  session: SessionUse,
  sql: string,
  format: string,
): Promise<RunOutcome> {
  return deps.engine.run({
    session: session.key,
    setup: [...session.setup, ...query.external.setup],
    sql: sqlText(Buffer.from(sql, 'latin1')),
    format,
    cleanup: [...query.external.cleanup, ...session.cleanup],
  });
}

async function streamRows(
  deps: QueryDeps,
  query: Query,
  session: SessionUse,
  statement: Statement,
): Promise<RunOutcome> {
  const path = deps.spool.takePipe();
  const pipe = openRowPipe(path);
  const format = resultFormat(query.request, statement) ?? DEFAULT_FORMAT;
  const sql = intoOutfile(statement, asLatin1(quoteText(path)), format);
  const outcome = start(deps, query, session, sql, format).then((ended) => {
    pipe.writerDone();
    return ended;
  });
  const abandon = (): void => pipe.close();
  query.signal.addEventListener('abort', abandon, { once: true });
  try {
    if (query.signal.aborted) abandon();
    for await (const chunk of pipe.rows) await query.reply.write(chunk);
    if (query.signal.aborted) throw aborted();
    return await outcome;
  } catch (error) {
    pipe.close();
    throw query.signal.aborted ? aborted() : error;
  } finally {
    query.signal.removeEventListener('abort', abandon);
    await killUntilEnded(deps, { prefix: query.tag.prefix, pipe }, outcome);
    deps.spool.givePipe(path);
  }
}

/** Seen by the client when the front closes; one that left sees nothing. */
function aborted(): Error {
  return clickHouseError(
    'ABORTED',
    'The query was ended: its client left, or the server shuts down',
  );
}

/** Returns at once when the query is over; a query that was not yet listed is caught by a later KILL. */
async function killUntilEnded(
  deps: QueryDeps,
  { prefix, pipe }: { readonly prefix: string; readonly pipe: RowPipe },
  outcome: Promise<RunOutcome>,
): Promise<void> {
  let ended = false;
  const over = outcome.finally(() => {
    ended = true;
  });
  await Promise.race([over, new Promise((resolve) => setImmediate(resolve))]);
  if (ended) return;
  const end = (): void => {
    deps.engine.kill(prefix);
    pipe.knock();
  };
  end();
  const timer = setInterval(end, deps.limits.killRepeatMs);
  await over;
  clearInterval(timer);
}

/** KILL by the client's `query_id`, and without waiting: `SYNC` does not return in this engine. */
function statementSql(statement: Statement): string {
  if (statement.kind !== 'kill') return statement.sql.slice(0, statement.end);
  const last = statement.list.at(-1);
  const sync = statement.list.findLast((token) => token.text === 'SYNC');
  const renamed = replaceWord(statement, 'QUERY_ID', OWN_QUERY_ID);
  if (last === undefined || sync === undefined) return renamed;
  const after = renamed.length - (statement.end - sync.start);
  return `${renamed.slice(0, after)}ASYNC${renamed.slice(after + 'SYNC'.length)}`;
}

function summary(query: Query, outcome: Extract<RunOutcome, { kind: 'done' }>): Summary {
  const written = query.body.kind === 'data';
  return {
    readRows: outcome.rows,
    readBytes: outcome.bytes,
    writtenRows: written ? outcome.rows : 0,
    writtenBytes: written ? outcome.bytes : 0,
    seconds: outcome.seconds,
  };
}

function asLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
