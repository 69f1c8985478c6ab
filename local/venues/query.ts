/** The parameters of a GET request as text. In: what the server parsed. Out: names and values. */
import type { FastifyRequest } from 'fastify';

/** A parameter that was sent twice is an array. */
export function queryOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const query = request.query;
  return typeof query === 'object' && query !== null ? { ...query } : {};
}

/** A non-negative integer, undefined where absent, NaN where it is something else. */
export function integerParameter(request: FastifyRequest, name: string): number | undefined {
  const value = queryOf(request)[name];
  if (value === undefined || value === '') return undefined;
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
}
