/**
 * Who may ask. In: headers and URL fields. Out: nothing, or the error that ClickHouse gives for a wrong name
 * or password (516). Both are compared by digest in constant time, and a wrong name is not told from a wrong
 * password.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { clickHouseError } from './clickhouse-error.ts';
import { type Field, header } from './request.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export type Authenticate = (headers: IncomingHttpHeaders, fields: readonly Field[]) => void;

export function createAuthenticator(expected: Credentials): Authenticate {
  const user = digest(expected.user);
  const password = digest(expected.password);
  return (headers, fields) => {
    const given = readCredentials(headers, fields);
    const userMatches = timingSafeEqual(digest(given.user), user);
    const passwordMatches = timingSafeEqual(digest(given.password), password);
    if (userMatches && passwordMatches) return;
    throw clickHouseError(
      'AUTHENTICATION_FAILED',
      `${given.user}: Authentication failed: password is incorrect, or there is no user with such name.`,
    );
  };
}

/** The order of a ClickHouse server: its own headers, then basic authentication, then URL fields. */
function readCredentials(headers: IncomingHttpHeaders, fields: readonly Field[]): Credentials {
  const headerUser = header(headers, 'x-clickhouse-user');
  const headerKey = header(headers, 'x-clickhouse-key');
  if (headerUser !== undefined || headerKey !== undefined) {
    return { user: headerUser ?? 'default', password: headerKey ?? '' };
  }
  const basic = /^Basic ([A-Za-z0-9+/=]+)\s*$/i.exec(headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [user = '', ...rest] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    return { user, password: rest.join(':') };
  }
  const field = (name: string): string | undefined =>
    fields.find((one) => one.name === name)?.value.toString('utf8');
  return { user: field('user') ?? 'default', password: field('password') ?? '' };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
