/**
 * Where a web source may lead. In: a URL and a policy, and the addresses of its host. Out: the URL and
 * the addresses, or an error that says what to change. Every hop of a redirect comes through here
 * again. Anything that is not the public internet is refused, by whatever name or notation it came.
 */
import ipaddr from 'ipaddr.js';
import { AppError } from '#core/errors.ts';
import type { FetchPolicy } from './source.ts';

/** An address that may be connected to. */
export interface CheckedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Asks for all addresses of a host. */
export type Resolve = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/**
 * The address of a document, if the source may be asked there.
 * @throws AppError WICK_ETL_SOURCE_FORBIDDEN: scheme, host or port is not allowed, or it carries a
 * user. WICK_ETL_SOURCE_INVALID: it is no URL.
 */
export function checkTarget(text: string, policy: FetchPolicy): URL {
  const { source, allowHttp, allowedHosts } = policy;
  if (!URL.canParse(text)) {
    throw new AppError('WICK_ETL_SOURCE_INVALID', `"${text}" of ${source} is no URL; correct it`, {
      details: { source, url: text },
    });
  }
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowHttp)) {
    const instead = url.protocol === 'http:' ? '; use https, or allow http for this source' : '';
    throw forbidden(policy, text, `the scheme "${url.protocol}" is not allowed${instead}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw forbidden(policy, `${url.protocol}//…@${url.host}`, 'it carries a user; take it out');
  }
  if (!allowedHosts.some((allowed) => allowed.toLowerCase() === url.host)) {
    throw forbidden(
      policy,
      text,
      `the host "${url.host}" is not among its allowed hosts ${allowedHosts.join(', ')}; ` +
        'add it there if you trust it',
    );
  }
  return url;
}

/**
 * All addresses of the host, each checked: the connection goes to one of these and nowhere else, so a
 * second answer of the name server changes nothing.
 * @throws AppError WICK_ETL_SOURCE_FORBIDDEN if one of them is not public.
 */
export async function checkAddresses(
  url: URL,
  policy: FetchPolicy,
  options: { readonly resolve: Resolve; readonly allowLoopback: boolean },
): Promise<readonly CheckedAddress[]> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const found = ipaddr.isValid(host) ? [{ address: host }] : await options.resolve(host);
  if (found.length === 0) {
    throw new AppError('WICK_ETL_VENUE_HTTP', `${policy.source}: "${host}" has no address`, {
      retryable: true,
      details: { source: policy.source, url: url.href },
    });
  }
  return found.map(({ address }) => {
    const range = rangeOf(address);
    const isAllowed = range === 'public' || (range === 'loopback' && options.allowLoopback);
    if (!isAllowed) {
      const loopback =
        range === 'loopback' ? '; a source on this machine needs WEB_ALLOW_LOOPBACK=true' : '';
      throw forbidden(
        policy,
        url.href,
        `"${host}" is at ${address}, which is not public (${range})${loopback}`,
      );
    }
    return { address, family: ipaddr.parse(address).kind() === 'ipv4' ? 4 : 6 };
  });
}

/** The only IPv6 block that is assigned to the public internet. */
const GLOBAL_V6 = ipaddr.parseCIDR('2000::/3');

/** `public`, or what the address is instead. */
export function rangeOf(text: string): string {
  if (!ipaddr.isValid(text)) return 'no address';
  const parsed = ipaddr.process(text);
  const range = parsed.range();
  if (range !== 'unicast') return range;
  if (parsed.kind() === 'ipv6' && !parsed.match(GLOBAL_V6)) return 'unassigned';
  return 'public';
}

function forbidden({ source }: FetchPolicy, url: string, why: string): AppError {
  return new AppError('WICK_ETL_SOURCE_FORBIDDEN', `${source} may not be asked at ${url}: ${why}`, {
    details: { source, url },
  });
}
