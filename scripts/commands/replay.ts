/**
 * `wick replay`: computes features and signals again and compares their bits with what ClickHouse shows. Exit
 * 0 only if all of them are equal; 1 where a row differs, would not hold still, or a series cannot be
 * folded. With --at-lsn rows that came later are no difference.
 */
import { seriesKey } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { formatInstant } from '#core/time.ts';
import { createLogger } from '#platform/logger.ts';
import { readRunningRules } from '../../analyzer/running-rules.ts';
import { openPipelineClients } from '../pipeline/pipeline-clients.ts';
import { applyReplay, type AppliedReplay } from '../../proof/apply-replay.ts';
import type { Cell } from '../../proof/evaluation-cells.ts';
import type { ReplayedRow } from '../../proof/replay-series.ts';
import { replay, type FoldBegin, type Replay, type ReplayOptions } from '../../proof/replay.ts';
import { amount } from './amounts.ts';
import { commandConfig } from './command-config.ts';
import type { JsonFlag } from './flags.ts';
import { assertStored, parseScope, type ScopeFlags } from './proof-scope.ts';
import { parseCountFlag } from './series-flags.ts';

export interface ReplayFlags extends JsonFlag, ScopeFlags {
  readonly atLsn?: string;
  readonly limit: string;
  readonly apply?: boolean;
}

const LIMIT_MAX = 100_000;
/** Series whose beginning is told; --json tells all. */
const BEGINS_MAX = 10;
/** Columns of one row that are told; --json tells all. */
const COLUMNS_MAX = 8;

export async function replayCommand(options: ReplayFlags): Promise<number> {
  const scope = parseScope(options);
  const atLsn = parseLsn(options.atLsn);
  const limit = parseCountFlag('limit', options.limit, LIMIT_MAX);
  const startedAt = performance.now();
  const rules = await readRunningRules();
  const clients = await openPipelineClients(commandConfig(), createLogger('wick', 'silent'));
  try {
    if (atLsn === null) await assertStored(clients.pool, scope.series);
    const say = (line: string): boolean => process.stderr.write(`${line}\n`);
    const asked: ReplayOptions = { clients, rules, scope, atLsn, rowsMax: limit, say };
    const result: AppliedReplay =
      options.apply === true
        ? await applyReplay(asked)
        : { found: await replay(asked), applied: 0, after: null };
    const seconds = Math.round((performance.now() - startedAt) / 10) / 100;
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ ...toJson(result, limit), seconds })}\n`
        : describe(result, limit, seconds),
    );
    return (result.after ?? result.found).verdict === 'equal' ? 0 : 1;
  } finally {
    await clients.close();
  }
}

/** As Postgres writes it, or as the ledger does: one number. */
function parseLsn(text: string | undefined): bigint | null {
  if (text === undefined) return null;
  const halves = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  if (halves !== null) return (BigInt(`0x${halves[1]}`) << 32n) + BigInt(`0x${halves[2]}`);
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  throw new AppError(
    'WICK_USAGE',
    `--at-lsn "${text}" is no place in the WAL; give one as Postgres writes it ("0/1A2B3C8"), or as a number`,
  );
}

function toJson({ found, applied, after }: AppliedReplay, limit: number): Record<string, unknown> {
  if (after === null) return replayJson(found, limit);
  return {
    ...replayJson(after, limit),
    applied: { found: replayJson(found, limit), candles: applied },
  };
}

function replayJson(result: Replay, limit: number): Record<string, unknown> {
  return {
    ...result,
    begins: result.begins.map((begin) => ({
      ...begin,
      openTime: begin.openTime === null ? null : formatInstant(begin.openTime),
    })),
    rows: result.rows.slice(0, limit).map(rowJson),
    isCut: result.different > limit,
    laterRows: result.laterRows.slice(0, limit).map(rowJson),
  };
}

function rowJson({ series, openTime, table, kind, columns }: ReplayedRow): Record<string, unknown> {
  return { series: seriesKey(series), openTime: formatInstant(openTime), table, kind, columns };
}

function describe(
  { found, applied, after }: AppliedReplay,
  limit: number,
  seconds: number,
): string {
  const parts = [describeReplay(found, limit)];
  if (after !== null) {
    parts.push(`applied     ${amount(applied, 'candle')}\n`, describeReplay(after, limit));
  }
  return `${parts.join('')}seconds     ${seconds}\n`;
}

function describeReplay(result: Replay, limit: number): string {
  const { begins, later, laterRows } = result;
  const lines = [
    `${result.verdict.padEnd(12)}rows of ${amount(result.compared, 'candle')} of ` +
      `${amount(begins.length, 'series', 'series')}, ${result.asOf ? 'as known at' : 'at'} ${result.lsn}` +
      (result.different > 0 ? `: ${amount(result.different, 'row')} not as computed` : ''),
    ...begins.slice(0, BEGINS_MAX).map(describeBegin),
    ...(begins.length > BEGINS_MAX
      ? [`folded      and ${begins.length - BEGINS_MAX} more series`]
      : []),
    ...result.rows.slice(0, limit).flatMap((row) => describeRow('row', row)),
    ...(result.different > limit ? ['row         and more; give a higher --limit'] : []),
    ...(later > 0 ? [`later       ${amount(later, 'row')} written again since`] : []),
    ...laterRows.slice(0, limit).flatMap((row) => describeRow('later', row)),
    ...result.unsettled.map(
      ({ series, rows }) =>
        `unsettled   ${series}: ${amount(rows, 'row')} moved on at each of ${result.looks} looks`,
    ),
    ...result.skipped.map(({ series, why }) => `not proven  ${series}: ${why}`),
  ];
  return `${lines.join('\n')}\n`;
}

function describeBegin({ series, at, openTime, folded }: FoldBegin): string {
  const where = openTime === null ? 'no candle counts' : `the ${at}, ${formatInstant(openTime)}`;
  return `folded      ${series}: ${amount(folded, 'candle')} from ${where}`;
}

function describeRow(label: string, row: ReplayedRow): string[] {
  const { series, openTime, table, kind, columns } = row;
  const what = {
    differs: 'differs',
    missing: 'is missing',
    extra: 'is there without a candle',
    moved: 'says something else by now',
  }[kind];
  return [
    `${label.padEnd(12)}${seriesKey(series)} ${formatInstant(openTime)}: ${table} ${what}`,
    ...columns
      .slice(0, COLUMNS_MAX)
      .map(
        ({ column, computed, stored }) =>
          `              ${column}: computed ${describeCell(computed)}, ClickHouse has ${describeCell(stored)}`,
      ),
    ...(columns.length > COLUMNS_MAX
      ? [`              and ${columns.length - COLUMNS_MAX} more columns; --json tells all`]
      : []),
  ];
}

function describeCell({ value, bits }: Cell): string {
  if (value === null) return 'nothing';
  return bits === null ? `"${value}"` : `${value} (0x${bits})`;
}
