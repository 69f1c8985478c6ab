/** Figures as one table for a terminal. In: judged figures. Out: text, one line a figure. */
import { barText, type Figure } from './figures.ts';
import type { Spread } from './statistics.ts';

const HEADER = ['bench', 'figure', 'measured', 'baseline of this run', 'ratio', 'bar', ''];

export function renderTable(figures: readonly Figure[]): string {
  const rows = [HEADER, ...figures.map((figure) => cells(figure))];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0]!, rule, ...lines.slice(1)].map((line) => line.trimEnd()).join('\n');
}

function cells(figure: Figure): string[] {
  const { bench, name, unit, spread, baseline, ratio, bar, passed, suspect } = figure;
  const compared =
    baseline === null
      ? ''
      : `${spreadText(baseline.spread)} ${baseline.name}${suspectText(figure)}`;
  return [
    bench,
    name,
    `${spreadText(spread)} ${unit}`,
    compared,
    ratio === null ? '' : ratioText(figure, ratio),
    barText(bar, unit),
    passed === null ? '' : passed ? `pass${suspect ? '?' : ''}` : 'MISS',
  ];
}

function ratioText({ unit }: Figure, ratio: number): string {
  return unit.endsWith('/s') ? `${(ratio * 100).toFixed(0)} %` : `${ratio.toFixed(2)} x`;
}

function suspectText({ suspect, baseline }: Figure): string {
  return suspect ? ` (suspect: published ${numberText(baseline?.published ?? 0)})` : '';
}

function spreadText({ median, min, max, runs }: Spread): string {
  const range = runs > 1 ? ` (${numberText(min)}..${numberText(max)})` : '';
  return `${numberText(median)}${range}`;
}

function numberText(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(value >= 100_000 ? 0 : 1)}k`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
