/**
 * One evaluation as text, a table at a time, spelled alike by the code that computes it and by ClickHouse
 * that keeps it: floats are their 64 bits, so that equal texts are equal rows to the last bit. In: an
 * evaluation, or the SQL of a row. Out: the text, and for two that differ the columns, in full digits.
 */
import { DIRECTIONS } from '#core/signal.ts';
import type { CandleEvaluation } from '../analyzer/evaluation.ts';
import type { Producer } from '../analyzer/sink/tables.ts';

export const EVALUATION_TABLES = ['features', 'signals'] as const;
export type EvaluationTable = (typeof EVALUATION_TABLES)[number];

/** A value as people read it, and its bits where it is a float; null where there is none. */
export interface Cell {
  readonly value: string | null;
  /** 16 hex digits, the sign first. */
  readonly bits: string | null;
}

/** One column of a row. */
export interface CellDifference {
  readonly column: string;
  readonly computed: Cell;
  readonly stored: Cell;
}

/** Between the parts of a text; no name of ours has it. */
const PART = '\u001f';
/** As long as the bits of a float, and none of them. */
const NO_FLOAT = '-'.repeat(16);
const NO_TEXT = '~';
const FLOAT_CHARS = 16;

const SCORES = ['rule_score', 'ml_prob', 'final_score'].flatMap((name) =>
  DIRECTIONS.map((direction) => `${name}_${direction}`),
);
/** Of a text's parts before its floats, then of its floats; "fired" is the rest. */
const TEXT_COLUMNS = {
  features: ['feature_set_hash', 'status'],
  signals: ['status', 'decision', 'score_basis'],
} as const;

const floatSql = (column: string): string =>
  `if(isNull(${column}), '${NO_FLOAT}', lower(hex(reinterpretAsFixedString(assumeNotNull(${column})))))`;
const joinSql = (parts: readonly string[]): string =>
  `concatWithSeparator('\\x1f', ${parts.join(', ')})`;

/** The text of a row in ClickHouse. */
export const CELLS_SQL: Readonly<Record<EvaluationTable, string>> = {
  features: joinSql([
    ...TEXT_COLUMNS.features.map((column) => `toString(${column})`),
    `arrayStringConcat(arrayMap(v -> ${floatSql('v')}, values))`,
  ]),
  signals: joinSql([
    'toString(status)',
    `ifNull(toString(decision), '${NO_TEXT}')`,
    `ifNull(toString(score_basis), '${NO_TEXT}')`,
    `concat(${SCORES.map(floatSql).join(', ')})`,
    `arrayStringConcat(fired, ',')`,
  ]),
};

/** The texts of what was computed. */
export function cellsOf(
  evaluation: CandleEvaluation,
  { featureSetHash }: Pick<Producer, 'featureSetHash'>,
): Readonly<Record<EvaluationTable, string>> {
  const { status, vector, signal, fired } = evaluation;
  const { ruleScore, mlProb, finalScore } = signal;
  const scores = [ruleScore, mlProb, finalScore].flatMap((pair) =>
    DIRECTIONS.map((direction) => pair?.[direction] ?? NaN),
  );
  return {
    features: [featureSetHash, status, floatsText(vector)].join(PART),
    signals: [
      status,
      signal.decision ?? NO_TEXT,
      signal.scoreBasis ?? NO_TEXT,
      floatsText(Float64Array.from(scores)),
      fired.join(','),
    ].join(PART),
  };
}

/** The columns in which two texts of one table differ. @param features names in the order of the set. */
export function differingCells(
  table: EvaluationTable,
  computed: string,
  stored: string,
  features: readonly string[],
): CellDifference[] {
  const ours = columnsOf(table, computed, features);
  const theirs = columnsOf(table, stored, features);
  const nothing: Cell = { value: null, bits: null };
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((column) => {
    const [mine = nothing, other = nothing] = [ours.get(column), theirs.get(column)];
    const isEqual = mine.bits === other.bits && mine.value === other.value;
    return isEqual ? [] : [{ column, computed: mine, stored: other }];
  });
}

function columnsOf(
  table: EvaluationTable,
  text: string,
  features: readonly string[],
): Map<string, Cell> {
  const columns = new Map<string, Cell>();
  const parts = text.split(PART);
  const names: readonly string[] = TEXT_COLUMNS[table];
  for (const [index, name] of names.entries()) columns.set(name, textCell(parts[index]));
  const floats = parts[names.length] ?? '';
  const floatNames = table === 'features' ? features : SCORES;
  for (let at = 0; at * FLOAT_CHARS < floats.length; at += 1) {
    const bits = floats.slice(at * FLOAT_CHARS, (at + 1) * FLOAT_CHARS);
    // More values than the set has names for are a difference too.
    columns.set(floatNames[at] ?? `values[${at + 1}]`, floatCell(bits));
  }
  if (table === 'signals') columns.set('fired', textCell(parts[names.length + 1]));
  return columns;
}

function textCell(text: string | undefined): Cell {
  return { value: text === undefined || text === NO_TEXT ? null : text, bits: null };
}

function floatCell(bits: string): Cell {
  if (bits === NO_FLOAT) return { value: null, bits: null };
  const bytes = Buffer.from(bits, 'hex');
  // The shortest digits that make these bits, so all that count.
  return {
    value: String(bytes.readDoubleLE()),
    bits: bytes.readBigUInt64LE().toString(16).padStart(FLOAT_CHARS, '0'),
  };
}

/** Lowest byte first, as both machines keep them; NaN stands for no value. */
function floatsText(values: Float64Array): string {
  const hex = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
  if (!values.some(Number.isNaN)) return hex;
  return Array.from(values, (value, at) =>
    Number.isNaN(value) ? NO_FLOAT : hex.slice(at * FLOAT_CHARS, (at + 1) * FLOAT_CHARS),
  ).join('');
}
