/**
 * HTTP requests of the ClickHouse interface. In: a request. Out: an answer, always: a ping, an error in ClickHouse's
 * words, or what the query gives. Checks who asks before reading a body. `node:http` and not Fastify: the body is a
 * stream that may be gigabytes of insert data, the response is written under backpressure and sometimes broken off
 * on purpose, and there is one route; a framework's parsing, hooks and serialisers would all be switched off.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorText } from '#core/errors.ts';
import type { Authenticate } from './auth.ts';
import { type QueryBody, readAll, readBody } from './body.ts';
import { ClickHouseError, clickHouseError } from './clickhouse-error.ts';
import { decodeBody } from './decode.ts';
import { type Form, formBoundary, parseForm } from './form.ts';
import { quoteName, quoteText } from './literals.ts';
import { type QueryDeps, resultFormat, runQuery } from './query-run.ts';
import { chooseEncoding, createReply, type Reply, sendError } from './reply.ts';
import {
  type Field,
  header,
  isTrue,
  parseUrlFields,
  type QueryRequest,
  readQueryRequest,
} from './request.ts';
import type { SpooledFile } from './spool.ts';
import { parseStatement, type Statement } from './statement.ts';

export interface HandlerDeps extends QueryDeps {
  readonly authenticate: Authenticate;
  readonly log: { error(details: object, message: string): void };
  /** Ids of the queries that run. */
  readonly queryIds: Set<string>;
}

export interface Handler {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Requests that have not been answered to the end. */
  readonly active: number;
  /** From now on every new query is refused. */
  stop(): void;
  /** Ends every running query. */
  abortAll(): void;
}

const PING_PATHS = new Set(['/ping', '/replicas_status']);

export function createHandler(deps: HandlerDeps): Handler {
  const running = new Set<AbortController>();
  let stopping = false;
  let queries = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const controller = new AbortController();
    running.add(controller);
    response.once('close', () => {
      if (!response.writableFinished) controller.abort();
    });
    try {
      if (stopping) throw clickHouseError('ABORTED', 'The server is shutting down');
      queries += 1;
      await answerQuery(deps, { request, response, signal: controller.signal, number: queries });
    } catch (error) {
      answerError(deps, response, error);
    } finally {
      running.delete(controller);
      if (!request.complete) discardRest(request);
    }
  };
  return {
    handle(request, response) {
      const [path = '/'] = (request.url ?? '/').split('?');
      response.setHeader('X-ClickHouse-Server-Display-Name', deps.engine.about.host);
      if (PING_PATHS.has(path)) sendText(response, 200, 'Ok.\n');
      else if (path === '/') void answer(request, response);
      else
        sendText(
          response,
          404,
          `There is no handle ${path}\n\nUse / or /ping for health checks.\n`,
        );
    },
    get active() {
      return running.size;
    },
    stop() {
      stopping = true;
    },
    abortAll() {
      for (const controller of running) controller.abort();
    },
  };
}

/** How long the rest of a refused body is read and dropped; closing at once would take the answer along. */
const REFUSED_BODY_MS = 10_000;

function discardRest(request: IncomingMessage): void {
  const timer = setTimeout(() => request.destroy(), REFUSED_BODY_MS).unref();
  request.once('close', () => clearTimeout(timer));
  request.resume();
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
  readonly number: number;
}

async function answerQuery(deps: HandlerDeps, exchange: Exchange): Promise<void> {
  const { request: http, response } = exchange;
  const search = (http.url ?? '/').split('?').slice(1).join('?');
  const urlFields = parseUrlFields(search);
  if (http.method === 'GET' && !urlFields.some(({ name }) => name === 'query')) {
    sendText(response, 200, 'Ok.\n');
    return;
  }
  deps.authenticate(http.headers, urlFields);
  if (http.method !== 'POST' && http.method !== 'GET') {
    throw clickHouseError(
      'NOT_IMPLEMENTED',
      `Method ${http.method} is not supported; use POST or GET`,
    );
  }
  // Destroying the request would take the connection along, and with it the answer to a refused body.
  const received: AsyncIterable<Buffer> = http.iterator({ destroyOnReturn: false });
  const plain = decodeBody(received, header(http.headers, 'content-encoding'));
  const boundary = formBoundary(header(http.headers, 'content-type'));
  const form =
    boundary === undefined
      ? undefined
      : parseForm(await readAll(plain, deps.limits.formBytesMax), boundary);
  const fields: Field[] = [...urlFields, ...(form?.fields ?? [])];
  const request = readQueryRequest(fields, http.headers, [...(form?.files.keys() ?? [])]);
  response.setHeader('X-ClickHouse-Query-Id', request.queryId);
  response.setHeader('X-ClickHouse-Timezone', deps.engine.about.timezone);
  const body = await readBody(
    request.query,
    form === undefined ? plain : noBytes(),
    deps.spool,
    deps.limits,
  );
  try {
    await answerBody(deps, exchange, request, body, form);
  } finally {
    if (body.kind === 'data') await body.file.discard();
  }
}

async function answerBody(
  deps: HandlerDeps,
  exchange: Exchange,
  request: QueryRequest,
  body: QueryBody,
  form: Form | undefined,
): Promise<void> {
  const { response, signal, number } = exchange;
  const statement = body.kind === 'text' ? parseStatement(body.sql) : undefined;
  refuseWrites(exchange.request, request, statement);
  if (deps.queryIds.has(request.queryId)) {
    throw clickHouseError(
      'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING',
      `Query with id = ${request.queryId} is already running.`,
    );
  }
  const compress = isTrue(request.settings.get('enable_http_compression')?.toString('latin1'));
  const reply = createReply({
    response,
    format: resultFormat(request, statement),
    encoding: compress ? chooseEncoding(exchange.request.headers) : undefined,
    waitEnd: request.waitEnd,
    heldBytesMax: deps.limits.heldResultBytes,
    stalledReaderMs: deps.limits.stalledReaderMs,
    spool: deps.spool,
    version: deps.engine.about.version,
  });
  const tag = { prefix: `${number}:`, text: `${number}:${request.queryId}` };
  const external = await spoolExternal(deps, request, form);
  deps.queryIds.add(request.queryId);
  try {
    await runQuery(deps, { request, body, statement, external, tag, reply, signal });
  } catch (error) {
    await failReply(reply, response, error);
  } finally {
    deps.queryIds.delete(request.queryId);
    for (const file of external.files) await file.discard();
  }
}

/** Answers with a ClickHouse error; a fault of our own goes on to be logged. */
async function failReply(reply: Reply, response: ServerResponse, error: unknown): Promise<void> {
  if (response.destroyed) {
    await reply.drop();
    return;
  }
  if (error instanceof ClickHouseError) {
    await reply.fail(error);
    return;
  }
  await reply.drop();
  throw error;
}

/** GET must not change anything, and `readonly` of a URL holds in a kept session too. */
function refuseWrites(
  http: IncomingMessage,
  request: QueryRequest,
  statement: Statement | undefined,
): void {
  const asked = request.settings.get('readonly')?.toString('latin1') ?? '0';
  if (http.method !== 'GET' && asked === '0') return;
  if (statement?.readonly === true) return;
  throw clickHouseError(
    'READONLY',
    'Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries.',
  );
}

interface External {
  readonly setup: readonly string[];
  readonly cleanup: readonly string[];
  readonly files: readonly SpooledFile[];
}

/** Files of a form become temporary tables of the session. */
async function spoolExternal(
  deps: HandlerDeps,
  request: QueryRequest,
  form: Form | undefined,
): Promise<External> {
  const setup: string[] = [];
  const cleanup: string[] = [];
  const files: SpooledFile[] = [];
  for (const [name, { format, structure }] of request.external) {
    const writer = deps.spool.writer('memory');
    await writer.write(form?.files.get(name) ?? Buffer.alloc(0));
    const file = await writer.finish();
    files.push(file);
    setup.push(`CREATE TEMPORARY TABLE ${quoteName(name)} (${structure})`);
    setup.push(
      `INSERT INTO ${quoteName(name)} FROM INFILE ${quoteText(file.path)} FORMAT ${format}`,
    );
    if (request.sessionId !== undefined)
      cleanup.push(`DROP TEMPORARY TABLE IF EXISTS ${quoteName(name)}`);
  }
  return { setup, cleanup, files };
}

function answerError(deps: HandlerDeps, response: ServerResponse, error: unknown): void {
  if (response.destroyed || response.writableEnded) return;
  const known = error instanceof ClickHouseError;
  if (!known) deps.log.error({ err: errorText(error) }, 'a request failed inside the front');
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const text = known
    ? error.message
    : `Code: 1002. DB::Exception: ${errorText(error)} (UNKNOWN_EXCEPTION)`;
  sendError(
    response,
    known ? error.code : 1002,
    `${text} (version ${deps.engine.about.version})\n`,
  );
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

async function* noBytes(): AsyncGenerator<Buffer> {}
