/**
 * `wick reconcile`: a proof that both stores hold the same candles, on a running pipeline. Exit 0 only if
 * they do; 1 where something differs, or would not hold still.
 */
import { seriesKey } from '#core/candle.ts';
import { formatInstant } from '#core/time.ts';
import { createLogger } from '#platform/logger.ts';
import { openPipelineClients } from '../pipeline/pipeline-clients.ts';
import { describeDamage, type Damage } from '../../proof/damage.ts';
import { prove, type Proof, type ProofOptions } from '../../proof/prove.ts';
import { healAndProve, type Healing } from '../../proof/heal.ts';
import { amount } from './amounts.ts';
import { commandConfig } from './command-config.ts';
import type { JsonFlag } from './flags.ts';
import { assertStored, parseScope, type ScopeFlags } from './proof-scope.ts';
import { parseCountFlag } from './series-flags.ts';

export interface ReconcileFlags extends JsonFlag, ScopeFlags {
  readonly limit: string;
  readonly repair?: boolean;
}

const LIMIT_MAX = 100_000;

export async function reconcile(options: ReconcileFlags): Promise<number> {
  const scope = parseScope(options);
  const limit = parseCountFlag('limit', options.limit, LIMIT_MAX);
  const startedAt = performance.now();
  const clients = await openPipelineClients(commandConfig(), createLogger('wick', 'silent'));
  try {
    await assertStored(clients.pool, scope.series);
    const say = (line: string): boolean => process.stderr.write(`${line}\n`);
    const asked: ProofOptions = { clients, scope, rowsMax: limit, say };
    const result: Healing =
      options.repair === true
        ? await healAndProve(asked)
        : { found: await prove(asked), healed: null, after: null };
    const seconds = Math.round((performance.now() - startedAt) / 10) / 100;
    const last = result.after ?? result.found;
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify({ ...toJson(result, limit), seconds })}\n`);
    } else process.stdout.write(describe(result, limit, seconds));
    return last.verdict === 'equal' ? 0 : 1;
  } finally {
    await clients.close();
  }
}

function toJson(result: Healing, limit: number): Record<string, unknown> {
  const { found, healed, after } = result;
  if (after === null) return proofJson(found, limit);
  return { ...proofJson(after, limit), repaired: { found: proofJson(found, limit), ...healed } };
}

function proofJson(proof: Proof, limit: number): Record<string, unknown> {
  const rows = proof.rows.slice(0, limit).map(damageJson);
  return { ...proof, rows, isCut: proof.isCut || proof.rows.length > limit };
}

function damageJson({ series, openTime, ...rest }: Damage): Record<string, unknown> {
  return { series: seriesKey(series), openTime: formatInstant(openTime), ...rest };
}

function describe({ found, healed, after }: Healing, limit: number, seconds: number): string {
  const parts = [describeProof(found, limit)];
  if (healed !== null) {
    parts.push(
      `repair: ${amount(healed.asked, 'candle')} sent again, ${amount(healed.rewritten, 'candle')} ` +
        `changed and changed back, ${amount(healed.removed, 'ghost')} deleted\n`,
    );
  }
  if (after !== null) parts.push(describeProof(after, limit));
  return `${parts.join('')}seconds     ${seconds}\n`;
}

function describeProof(proof: Proof, limit: number): string {
  const lines = [
    `${proof.verdict.padEnd(12)}${amount(proof.candles, 'closed candle')} of ` +
      `${proof.series} series, ${amount(proof.days, 'day')} of them, at ${proof.lsn}`,
    ...proof.differing.slice(0, limit).map(({ bucket, what }) => `differs     ${bucket}: ${what}`),
    ...more(proof.differing.length - limit, 'day'),
    ...proof.rows.slice(0, limit).map((row) => `candle      ${describeDamage(row)}`),
    ...(proof.isCut || proof.rows.length > limit
      ? [`candle      and more; give a higher --limit`]
      : []),
    ...proof.unsettled.map(
      (day) => `unsettled   ${day}: moved on each of ${proof.barriers} times it was compared`,
    ),
    ...Object.entries(proof.older).map(
      ([series, n]) =>
        `not held    ${series}: ${amount(n, 'candle')} of ClickHouse from before the first one in Postgres`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function more(n: number, noun: string): string[] {
  return n > 0 ? [`differs     and ${amount(n, `more ${noun}`)}`] : [];
}
