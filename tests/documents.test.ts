/**
 * Documents name what exists: commands, options, scripts and files. In: the documents of the root and
 * docs/, package.json, the command line's own help. Both READMEs have the same shape and the very
 * same commands, so neither language is told something else.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { filesBelow } from './support/sources.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const PACKAGE = Value.Parse(
  Type.Object({ scripts: Type.Record(Type.String(), Type.String()) }),
  JSON.parse(read('package.json')),
);

const DOCUMENTS = filesBelow(ROOT).filter(
  (path) => /^(docs\/.*|[A-Z][A-Z.a-z]*)\.md$/.test(path) && path !== 'CHANGELOG.md',
);
/** Commands stand in code: fenced, or between backticks. */
const CODE = new Map(DOCUMENTS.map((path) => [path, codeOf(read(path))]));

interface Call {
  readonly document: string;
  /** `connector activate` */
  readonly command: string;
  readonly options: readonly string[];
}

/** What comes before a command of ours, and the command that it stands for itself. */
const CALLS: readonly (readonly [RegExp, string])[] = [
  [/^npm start(?: -- (?<rest>.*))?$/, 'up'],
  [/^npm run wick -- (?<rest>.*)$/, ''],
  [/^docker compose run (?:--rm |-T |--no-deps )*app (?<rest>.*)$/, ''],
  [/^wick (?<rest>[a-z].*)$/, ''],
];

describe('the READMEs', () => {
  const english = shapeOf('README.md');
  const persian = shapeOf('README.fa.md');

  test('have the same headings, level by level', () => {
    expect(english.headings.length).toBeGreaterThan(3);
    expect(persian.headings).toEqual(english.headings);
  });

  test('have the same code blocks, to the letter', () => {
    expect(english.blocks.length).toBeGreaterThan(3);
    expect(persian.blocks).toEqual(english.blocks);
  });

  test('give the commands that users of this kind of stack know', () => {
    const text = read('README.md');
    for (const command of [
      'npm ci && npm start',
      'docker compose build app',
      'docker compose up -d',
      'curl -i -X POST -H "Accept:application/json" -H "Content-Type:application/json" localhost:8083/connectors/ -d @pg-connector.json',
    ]) {
      expect(text).toContain(command);
    }
  });
});

test('documents name npm scripts that exist', () => {
  const unknown = [...CODE].flatMap(([document, code]) =>
    code.flatMap((line) =>
      [...line.matchAll(/\bnpm run ([\w:-]+)/g)]
        .filter(([, script]) => !((script ?? '') in PACKAGE.scripts))
        .map(([call]) => `${document}: ${call}`),
    ),
  );
  expect(unknown).toEqual([]);
});

test('documents name commands and options that the command line has', async () => {
  const helps = new Map<string, Promise<string>>();
  const wrong: string[] = [];
  for (const call of [...CODE].flatMap(([document, code]) => callsIn(document, code))) {
    if (!helps.has(call.command)) helps.set(call.command, helpOf(call.command));
    const help = (await helps.get(call.command)) ?? '';
    if (
      !help.startsWith(`Usage: wick ${call.command} `) &&
      !help.startsWith(`Usage: wick ${call.command}\n`)
    ) {
      wrong.push(`${call.document}: no command "wick ${call.command}"`);
    }
    for (const option of call.options.filter((name) => !help.includes(`${name} `))) {
      wrong.push(`${call.document}: "wick ${call.command}" has no option ${option}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('documents name files that exist', () => {
  const missing = [...CODE].flatMap(([document, code]) =>
    code
      .filter((span) => /^\.?[\w-]+(\/[\w.-]+)*\/[\w.-]+\.[a-z]+$/.test(span))
      .filter((path) => existsSync(join(ROOT, path.split('/')[0] ?? '')))
      .filter((path) => !existsSync(join(ROOT, path)))
      .map((path) => `${document}: ${path}`),
  );
  expect(missing).toEqual([]);
});

/** Levels of the headings and the fenced blocks, in order. */
function shapeOf(path: string): { readonly headings: number[]; readonly blocks: string[] } {
  const text = existsSync(join(ROOT, path)) ? read(path) : '';
  const blocks = [...text.matchAll(/^```[\s\S]*?^```$/gm)].map(([block]) => block);
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return {
    headings: [...prose.matchAll(/^(#+) /gm)].map(([, level = '']) => level.length),
    blocks,
  };
}

/** Lines of fenced blocks and texts between backticks. */
function codeOf(text: string): string[] {
  const fenced = [...text.matchAll(/^```(?!mermaid|text)[^\n]*\n([\s\S]*?)^```$/gm)].flatMap(
    ([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'),
  );
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...fenced, ...spans].map((line) => line.replace(/\s+#.*$/, '').trim());
}

function callsIn(document: string, code: readonly string[]): Call[] {
  const commands = code.flatMap((line) => line.split('&&').map((command) => command.trim()));
  return commands.flatMap((command) => {
    for (const [pattern, itself] of CALLS) {
      const match = pattern.exec(command);
      if (match === null) continue;
      const words = `${itself} ${match.groups?.['rest'] ?? ''}`.trim().split(/\s+/);
      // A placeholder like <command> or … stands for any.
      if (words.some((word) => /^[<…[]/.test(word))) return [];
      const end = words.findIndex((word) => !/^[a-z]+$/.test(word));
      const name = (end === -1 ? words : words.slice(0, end)).slice(
        0,
        ['connector', 'epoch', 'source'].includes(words[0] ?? '') ? 2 : 1,
      );
      const options = words
        .filter((word) => word.startsWith('--'))
        .map((word) => word.split('=')[0] ?? '');
      return [{ document, command: name.join(' '), options }];
    }
    return [];
  });
}

async function helpOf(command: string): Promise<string> {
  const program = join(ROOT, 'scripts', 'wick.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    ...command.split(' '),
    '--help',
  ]);
  return stdout;
}
