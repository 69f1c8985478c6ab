/**
 * Kafka Connect's REST, one call at a time. In: an endpoint, a method, a path. Out: status and text of the
 * answer, or an error that says who does not answer or what was refused. It knows no connector.
 */
import { AppError } from '#core/errors.ts';

export interface ConnectEndpoint {
  /** For example `http://127.0.0.1:8083`. */
  readonly url: string;
  /** Longest wait for one answer, ms. */
  readonly timeoutMs?: number;
}

export const CONNECT_TIMEOUT_MS = 30_000;

export interface ConnectResponse {
  readonly status: number;
  readonly body: string;
}

/** @throws AppError WICK_CONNECTOR_UNREACHABLE when nothing answers in time. */
export async function callConnect(
  endpoint: ConnectEndpoint,
  method: string,
  path: string,
  body?: unknown,
): Promise<ConnectResponse> {
  try {
    const response = await fetch(`${endpoint.url}${path}`, {
      method,
      signal: AbortSignal.timeout(endpoint.timeoutMs ?? CONNECT_TIMEOUT_MS),
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.text() };
  } catch (error) {
    throw new AppError(
      'WICK_CONNECTOR_UNREACHABLE',
      `Kafka Connect does not answer at "${endpoint.url}"; is it running?`,
      { cause: error, retryable: true },
    );
  }
}

/** Null where the text is not JSON, as that of a proxy in between. */
export function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function rejectedByConnect(
  method: string,
  name: string,
  response: ConnectResponse,
): AppError {
  return new AppError(
    'WICK_CONNECTOR_REJECTED',
    `Kafka Connect refused ${method} of connector "${name}" (${response.status}): ${response.body.slice(0, 500)}`,
    { retryable: response.status === 409 || response.status >= 500 },
  );
}
