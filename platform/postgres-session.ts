/**
 * A connection of its own, for what a server remembers of one, such as a lock: never lent to anybody
 * else, and not replaced when it is lost. In: what to connect to. Out: a session that knows whether it
 * still stands.
 */
import pg from 'pg';

export interface Session {
  /** False once the connection is lost or closed; it does not come back. */
  isOpen(): boolean;
  /** Queries go one after another. One that is not answered in time loses the connection. */
  query<Row extends pg.QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /** May be called again. */
  close(): Promise<void>;
}

/** A query that waits longer has lost its server. */
const QUERY_MS_MAX = 15_000;

/** @throws Error where the server is away. */
export async function openSession(config: pg.ClientConfig): Promise<Session> {
  const client = new pg.Client({ ...config, keepAlive: true, query_timeout: QUERY_MS_MAX });
  let open = true;
  let last = Promise.resolve();
  const lose = (): void => void (open = false);
  client.on('error', lose);
  client.on('end', lose);
  const close = async (): Promise<void> => {
    if (!open) return;
    lose();
    await client.end();
  };
  await client.connect();
  return {
    isOpen: () => open,
    query: async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) => {
      const before = last;
      const done = Promise.withResolvers<void>();
      last = done.promise;
      await before;
      try {
        return await client.query<Row>(sql, [...values]);
      } catch (error) {
        // Without an answer of the server the connection is in doubt. Nobody waits for its end.
        if (isOfConnection(error)) close().catch(() => undefined);
        throw error;
      } finally {
        done.resolve();
      }
    },
    close,
  };
}

/** The server ended the session, or did not answer. */
function isOfConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || /^(08|57P)/.test(error.code ?? '');
}
