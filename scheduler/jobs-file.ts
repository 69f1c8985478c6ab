/**
 * What `jobs.json` may say. In: its text. Out: the declarations, each with the line it stands in, or
 * an error that names file, line and what is wrong. Only form is checked here, not what is meant.
 */
import { readFile } from 'node:fs/promises';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { AppError, errorText } from '#core/errors.ts';
import { INTERVALS } from '#core/interval.ts';
import { linesOfJson } from './json-lines.ts';

const JOBS_MAX = 100;
const SERIES_MAX = 5_000;
const NAME = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' });
const INTERVAL = Type.Enum([...INTERVALS]);
const TEXT = Type.String({ minLength: 1 });

const SELECTOR = Type.Object(
  {
    exchange: TEXT,
    symbols: Type.Optional(Type.Array(TEXT, { minItems: 1, maxItems: SERIES_MAX })),
    quote: Type.Optional(TEXT),
    intervals: Type.Array(INTERVAL, { minItems: 1 }),
    symbolsMax: Type.Optional(Type.Integer({ minimum: 1, maximum: SERIES_MAX })),
  },
  { additionalProperties: false },
);

const DECLARATION = Type.Object(
  {
    name: NAME,
    kind: TEXT,
    /** A node-cron expression, or COLLECT_CRON for what that variable says. */
    cron: Type.Optional(TEXT),
    atClose: Type.Optional(
      Type.Object(
        {
          interval: INTERVAL,
          delayMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000 })),
        },
        { additionalProperties: false },
      ),
    ),
    after: Type.Optional(Type.Array(NAME, { minItems: 1, maxItems: JOBS_MAX })),
    atStart: Type.Optional(Type.Boolean()),
    /**
     * Series keys, COLLECT_SERIES for what that variable says, STORED for all that Postgres holds; one
     * of the words, or a list of any.
     */
    series: Type.Optional(
      Type.Union([
        Type.Literal('COLLECT_SERIES'),
        Type.Literal('STORED'),
        Type.Array(TEXT, { minItems: 1, maxItems: SERIES_MAX }),
      ]),
    ),
    select: Type.Optional(SELECTOR),
    /** Venues, and USED for all that are collected, streamed or stored. */
    exchanges: Type.Optional(
      Type.Union([Type.Literal('USED'), Type.Array(TEXT, { minItems: 1, maxItems: 100 })]),
    ),
    historyDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 36_500 })),
    retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 10 })),
    retryMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 300_000 })),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000 })),
  },
  { additionalProperties: false },
);
export type JobDeclaration = Static<typeof DECLARATION>;

const FILE = Compile(
  Type.Object(
    { jobs: Type.Array(DECLARATION, { minItems: 1, maxItems: JOBS_MAX }) },
    { additionalProperties: false },
  ),
);

export interface JobsFile {
  readonly jobs: readonly JobDeclaration[];
  /** An error that names the place. @param pointer for example `/jobs/0/cron`. */
  problem(pointer: string, message: string): AppError;
}

/** @throws AppError WICK_SCHEDULER_JOBS_INVALID when it cannot be read, or as parseJobsFile. */
export async function readJobsFile(path: string): Promise<JobsFile> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw invalid(`${path} cannot be read: ${errorText(error)}; name another in SCHEDULER_JOBS`);
  });
  return parseJobsFile(text, path);
}

/** @param path for messages. @throws AppError WICK_SCHEDULER_JOBS_INVALID with the line. */
export function parseJobsFile(text: string, path: string): JobsFile {
  const json = parseJson(text, path);
  const lines = linesOfJson(text);
  const problem = (pointer: string, message: string): AppError => {
    const line = lineOf(lines, pointer);
    const what = pointer === '' ? 'the file' : pointer.slice(1);
    return invalid(`${path}:${line}: ${what} ${message}`, { path, line, pointer });
  };
  const [first] = [...FILE.Errors(json)];
  if (first !== undefined || !FILE.Check(json)) {
    const pointer = first?.instancePath ?? '';
    throw problem(pointer, `${first?.message ?? 'is not as it should be'}${shown(json, pointer)}`);
  }
  return { jobs: json.jobs, problem };
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const said = errorText(error);
    const at = /position (\d+)/.exec(said)?.[1];
    const line = at === undefined ? text.split('\n').length : lineAt(text, Number(at));
    throw invalid(`${path}:${line}: this is not JSON: ${said}`, { path, line });
  }
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}

/** Of the value, or of what it is missing from. */
function lineOf(lines: ReadonlyMap<string, number>, pointer: string): number {
  for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const line = lines.get(at);
    if (line !== undefined) return line;
  }
  return 1;
}

/** The value at a pointer, where it is short enough to be shown. */
function shown(json: unknown, pointer: string): string {
  let value: unknown = json;
  for (const key of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return '';
    value = new Map(Object.entries(value)).get(key);
  }
  const text = typeof value === 'object' ? undefined : JSON.stringify(value);
  return text === undefined ? '' : `: it is ${text.slice(0, 80)}`;
}

function invalid(message: string, details: Readonly<Record<string, unknown>> = {}): AppError {
  return new AppError('WICK_SCHEDULER_JOBS_INVALID', message, { details });
}
